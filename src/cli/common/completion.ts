/**
 * Completion scripts for shells. Each asks the command itself for the words that may follow, by the name it was typed
 * with; so it works from any folder, and knows new options without being made anew.
 */

/** The script for `source <(COMMAND completion SHELL)`. */
export function completionScript(shell: 'bash' | 'zsh', name: string): string {
  return shell === 'bash' ? bashScript(name) : zshScript(name);
}

function bashScript(name: string): string {
  return `# bash completion for ${name}: source <(${name} completion bash)
_${name}_complete() {
  local words
  mapfile -t words < <(SHELL=/bin/bash "\${COMP_WORDS[0]}" --get-yargs-completions "\${COMP_WORDS[@]}" 2>/dev/null)
  mapfile -t COMPREPLY < <(compgen -W "\${words[*]}" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o bashdefault -o default -F _${name}_complete ${name}
`;
}

function zshScript(name: string): string {
  return `#compdef ${name}
# zsh completion for ${name}: source <(${name} completion zsh)
_${name}_complete() {
  local -a found
  found=("\${(@f)$(SHELL=/bin/zsh "\${words[1]}" --get-yargs-completions "\${words[@]}" 2>/dev/null)}")
  if (( \${#found} )); then
    _describe 'values' found
  else
    _default
  fi
}
compdef _${name}_complete ${name}
`;
}
