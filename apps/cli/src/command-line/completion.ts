import { optionsOf, type Verb, VERBS } from '../../verbs.mjs';

const wordsAfter = (verb: Verb): string =>
  [...(verb.words ?? []), ...Object.keys(optionsOf(verb)).map((option) => `--${option}`)].join(' ');

/** A completion script for bash or zsh, made from the verbs. */
export function completionScript(shell: 'bash' | 'zsh'): string {
  const verbs = VERBS.map((verb) => verb.name).join(' ');
  const cases = VERBS.map((verb) => `    ${verb.name}) words="${wordsAfter(verb)}" ;;`).join('\n');
  const bash = `_switchyard() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[1]:-}" in
${cases}
    *) words="" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${verbs}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _switchyard switchyard ./switchyard`;
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}
