# What the comment-based help of a function says of it. Needs the functions of rules.ps1 and calls.ps1.

function checkHelp($function) {
    $help = $function.GetHelpContent()
    if (-not $help -or -not "$($help.Synopsis)".Trim()) { report $function 'help' "$($function.Name) has none"; return }
    $block = $function.Body.ParamBlock
    $documented = @($help.Parameters.Keys)
    $taken = @(if ($block) { $block.Parameters | ForEach-Object { $_.Name.VariablePath.UserPath.ToUpperInvariant() } })
    foreach ($name in $taken) { if ($name -notin $documented) { report $function 'help' "$($function.Name) says nothing of $name" } }
    foreach ($name in $documented) { if ($name -notin $taken) { report $function 'help' "$($function.Name) has no parameter $name" } }
    checkTable $function ($help.Outputs -join ' ')
}

# 'A table: this, that (what it is).' are the keys of every table that the function writes.
function checkTable($function, [string] $outputs) {
    $said = $outputs.Trim() -replace '\s+', ' ' -replace ' \([^()]*\)'
    if ($said -notmatch '^(A|For each a) table: (?<keys>[^.]*)\.') { return }
    $keys = $Matches.keys -split ', '
    foreach ($key in $keys) { if ($key -cnotmatch '^[a-z][A-Za-z]*$') { report $function 'help' "$($function.Name) has no list of keys: $key" } }
    $tables = @(outputsOf $function | ForEach-Object { , @(keysOf $_) } | Where-Object { $_.Count -gt 0 })
    if ($tables.Count -eq 0) { report $function 'help' "$($function.Name) writes no table" }
    foreach ($table in $tables) {
        foreach ($key in $keys) { if ($key -cnotin $table) { report $function 'help' "$($function.Name) writes no $key" } }
        foreach ($key in $table) { if ($key -cnotin $keys) { report $function 'help' "$($function.Name) says nothing of $key" } }
    }
}

# What a function returns, or writes as a statement of its own.
function outputsOf($function) {
    $statements = all $function.Body ([System.Management.Automation.Language.PipelineAst]) | Where-Object {
        $_.Parent -is [System.Management.Automation.Language.ReturnStatementAst] -or $_.Parent -is [System.Management.Automation.Language.NamedBlockAst] -or
        ($_.Parent -is [System.Management.Automation.Language.StatementBlockAst] -and $_.Parent.Parent -isnot [System.Management.Automation.Language.ExpressionAst])
    }
    foreach ($statement in $statements) {
        $block = $statement
        while ($block -isnot [System.Management.Automation.Language.ScriptBlockAst]) { $block = $block.Parent }
        # Script blocks in it write elsewhere.
        if ($block -eq $function.Body) { bareOf $statement }
    }
}

# The keys of a table that is written out at once, or put into a variable first; none of anything else.
function keysOf($expression) {
    $table = tableOf $expression
    if ($table) { return $table.KeyValuePairs | ForEach-Object { constantOf $_.Item1 } }
    if ($expression -isnot [System.Management.Automation.Language.VariableExpressionAst]) { return }
    $name = $expression.VariablePath.UserPath
    $assignments = @(all (scopeOf $expression) ([System.Management.Automation.Language.AssignmentStatementAst]))
    $first = $assignments | Where-Object { (isVariable $_.Left $name) -and (tableOf $_.Right) } | Select-Object -First 1
    if (-not $first) { return }
    $later = $assignments | Where-Object { $_.Left -is [System.Management.Automation.Language.MemberExpressionAst] -and (isVariable $_.Left.Expression $name) }
    @(keysOf (bareOf $first.Right)) + @($later | ForEach-Object { constantOf $_.Left.Member }) | Select-Object -Unique
}
