const MAX_ID_CHARS = 40;

/** "Mock agent" -> `mock_agent`: the suffix of `delegate_to_<id>`, unlike every id in `taken`. */
export function agentId(name: string, taken: ReadonlySet<string>): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  const base = words.slice(0, MAX_ID_CHARS).replace(/_+$/, '') || 'agent';
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `_${number}`;
    const id = base.slice(0, MAX_ID_CHARS - suffix.length) + suffix;
    if (!taken.has(id)) return id;
  }
}
