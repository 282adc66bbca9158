/**
 * A matcher for event names: `*` is any run of characters within one part, `**` or `>` any run at all, `?` one
 * character; `tool` alone means "contains tool".
 */
export function globMatcher(glob: string): (name: string) => boolean {
  if (!/[*?>]/.test(glob))
    return (name) => name === glob || name.split('.').includes(glob) || name.startsWith(`${glob}.`);
  const pattern = glob.replace(/\*\*|[.*?>+^${}()|[\]\\]/g, (token) => {
    if (token === '**' || token === '>') return '.*';
    if (token === '*') return '[^.]*';
    return token === '?' ? '[^.]' : `\\${token}`;
  });
  const expression = new RegExp(`^${pattern}$`);
  return (name) => expression.test(name);
}
