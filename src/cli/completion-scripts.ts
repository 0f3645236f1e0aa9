/**
 * What the shells are told: each script only asks `hyperfile __complete -- WORDS`, the last of which is to be completed,
 * and falls back to file names. PowerShell gives that one apart, as `--word=`.
 */

export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

const BASH = `# hyperfile completion for bash
_hyperfile() {
    local line
    COMPREPLY=()
    while IFS=$'\\n' read -r line; do
        COMPREPLY+=("\${line%%$'\\t'*}")
    done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    # The word goes on.
    [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _hyperfile hyperfile
`;

const ZSH = `#compdef hyperfile
# hyperfile completion for zsh
_hyperfile() {
    local line value
    local -a candidates
    for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        value=\${line%%$'\\t'*}
        candidates+=("\${value//:/\\\\:}\${\${line#$value}/$'\\t'/:}")
    done
    if (( $#candidates )); then
        _describe hyperfile candidates
    else
        _files
    fi
}
if [ "$funcstack[1]" = _hyperfile ]; then
    _hyperfile "$@"
else
    compdef _hyperfile hyperfile
fi
`;

const FISH = `# hyperfile completion for fish
function __hyperfile_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c hyperfile -f -a '(__hyperfile_complete)'
`;

const POWERSHELL = `# hyperfile completion for PowerShell
Register-ArgumentCompleter -Native -CommandName hyperfile, hyperfile.cmd, hyperfile.ps1 -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.ToString() }
        })
    # Windows PowerShell leaves out an argument that is empty.
    & $commandAst.CommandElements[0].ToString() __complete "--word=$wordToComplete" '--' @words 2>$null | ForEach-Object {
        $value, $description = $_ -split "\`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
`;

/** The script to be sourced. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
  powershell: POWERSHELL,
};
