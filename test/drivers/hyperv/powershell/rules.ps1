# What PowerShell's own parser says about a folder of modules: where it breaks the rules of the house, which commands it
# calls with which parameters, and which members of .NET it uses. Writes one JSON object.
param([Parameter(Mandatory)] [string] $Folder)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$approved = @(Get-Verb | ForEach-Object Verb)
# What is in the language of the host, or meant for people.
$shown = 'Message', 'Description', 'StatusDescription', 'StatusDescriptions', 'PrimaryStatusDescription', 'FriendlyName', 'Caption', 'DisplayName'
$evaluates = 'AddScript', 'InvokeScript', 'NewScriptBlock', 'ExpandString'

$findings = [System.Collections.Generic.List[object]]::new()
$calls = [System.Collections.Generic.List[object]]::new()
$members = [System.Collections.Generic.SortedSet[string]]::new()

function place($ast) { '{0}:{1}' -f [System.IO.Path]::GetRelativePath($Folder, $ast.Extent.File).Replace('\', '/'), $ast.Extent.StartLineNumber }
function report($ast, [string] $rule, [string] $text) { $findings.Add([ordered]@{ at = place $ast; rule = $rule; text = $text }) }
function all($ast, [type] $type) { $ast.FindAll({ param($node) $node -is $type }, $true) }
# The function that something is in, or the whole file.
function scopeOf($ast) { while ($ast.Parent -and $ast -isnot [System.Management.Automation.Language.FunctionDefinitionAst]) { $ast = $ast.Parent }; $ast }

. "$PSScriptRoot/calls.ps1"
. "$PSScriptRoot/help.ps1"
. "$PSScriptRoot/programs.ps1"

function checkSyntax($ast, $tokens) {
    foreach ($node in all $ast ([System.Management.Automation.Language.TernaryExpressionAst])) { report $node 'syntax' 'a ternary operator' }
    foreach ($node in all $ast ([System.Management.Automation.Language.PipelineChainAst])) { report $node 'syntax' '&& or ||' }
    foreach ($node in all $ast ([System.Management.Automation.Language.PipelineAst])) { if ($node.Background) { report $node 'syntax' 'a background operator' } }
    foreach ($node in all $ast ([System.Management.Automation.Language.MemberExpressionAst])) { if ($node.NullConditional) { report $node 'syntax' '?.' } }
    foreach ($node in all $ast ([System.Management.Automation.Language.IndexExpressionAst])) { if ($node.NullConditional) { report $node 'syntax' '?[]' } }
    foreach ($node in all $ast ([System.Management.Automation.Language.ScriptBlockAst])) { if ($node.CleanBlock) { report $node 'syntax' 'a clean block' } }
    foreach ($node in all $ast ([System.Management.Automation.Language.ExitStatementAst])) { report $node 'exit' 'exit ends the session' }
    foreach ($token in $tokens) {
        if ($token.Kind -in 'QuestionQuestion', 'QuestionQuestionEquals') { report $token 'syntax' '??' }
        if ($token -is [System.Management.Automation.Language.NumberToken] -and $token.Text -match '^[0-9.]+(u|n|y|us|ul|uy|s)$') { report $token 'syntax' "the number $($token.Text)" }
        if ($token -is [System.Management.Automation.Language.StringExpandableToken] -and $token.Text -match '`(u\{|e)') { report $token 'syntax' 'an escape that 5.1 lacks' }
    }
}

function checkFunction($function) {
    $verb, $noun = $function.Name -split '-', 2
    if ($verb -cnotin $approved) { report $function 'verb' $function.Name }
    if ("$noun" -cnotlike 'Hyperfile*') { report $function 'noun' $function.Name }
    $block = $function.Body.ParamBlock
    if (-not $block -or -not ($block.Attributes | Where-Object { $_.TypeName.Name -eq 'CmdletBinding' })) { report $function 'cmdletbinding' $function.Name }
    checkHelp $function
}

function checkCommand($command, [string[]] $own) {
    $name = $command.GetCommandName()
    if (-not $name) {
        if ($command.InvocationOperator -ne 'Dot') { report $command 'dynamic' $command.Extent.Text }
        return
    }
    if ($name -in $own) { return }
    if ($name -eq 'Invoke-Expression') { report $command 'dynamic' $name; return }
    $alias = Get-Alias -Name $name -ErrorAction Ignore
    if ($alias) { report $command 'alias' $name; return }
    if (isProgram $name) { report $command 'program' $name; return }
    if ($name -notmatch '^(Hyper-V|Storage|Dism|Microsoft\.PowerShell\.(Core|Management|Utility))\\') { report $command 'qualified' $name; return }
    readCommand $command
}

# Commands that are run through an object.
function checkMethods($ast, [string[]] $own) {
    $methods = @(all $ast ([System.Management.Automation.Language.InvokeMemberExpressionAst]))
    $read = @()
    foreach ($method in $methods) {
        $name = $method.Member.Extent.Text
        if ($name -in $evaluates -or ($name -eq 'Create' -and $method.Expression.Extent.Text -eq '[scriptblock]')) { report $method 'dynamic' $name }
        if ($name -eq 'AddCommand') { $read += @(readChain $method $own) }
    }
    foreach ($method in $methods) {
        if ($method.Member.Extent.Text -in 'AddParameter', 'AddParameters', 'AddArgument' -and $method -notin $read) { report $method 'dynamic' 'a parameter of no command' }
    }
}

# Whether a variable is only ever what a function writes.
function comesFrom($variable, [string] $function) {
    if ($variable -isnot [System.Management.Automation.Language.VariableExpressionAst]) { return $false }
    $made = @(all (scopeOf $variable) ([System.Management.Automation.Language.AssignmentStatementAst]) | Where-Object { $_.Left.Extent.Text -eq $variable.Extent.Text })
    return $made.Count -gt 0 -and @($made | Where-Object { $_.Right.Extent.Text -ne "@($function)" }).Count -eq 0
}

function checkShown($ast) {
    foreach ($node in all $ast ([System.Management.Automation.Language.MemberExpressionAst])) {
        if ($node.Member.Extent.Text -notin $shown) { continue }
        $around = $node.Parent
        while ($around -is [System.Management.Automation.Language.ParenExpressionAst] -or $around -is [System.Management.Automation.Language.PipelineAst] -or $around -is [System.Management.Automation.Language.CommandExpressionAst]) { $around = $around.Parent }
        $isCompared = $around -is [System.Management.Automation.Language.BinaryExpressionAst] -and $around.Operator -notin 'Plus', 'Format'
        # With PowerShell's own table of texts, in whatever language it is, a text may be compared.
        if ($isCompared -and (comesFrom $around.Left 'Get-HyperfileRefusalText')) { continue }
        $isRead = $around -is [System.Management.Automation.Language.InvokeMemberExpressionAst] -and $around.Expression -eq $node -and $around.Member.Extent.Text -ne 'Trim'
        if ($isCompared -or $isRead) { report $node 'shown text' $around.Extent.Text }
    }
}

function gatherMembers($ast) {
    foreach ($node in $ast.FindAll({ param($found) $found -is [System.Management.Automation.Language.MemberExpressionAst] -and $found.Static }, $true)) {
        if ($node.Expression -is [System.Management.Automation.Language.TypeExpressionAst]) {
            $type = $node.Expression.TypeName.GetReflectionType()
            if (-not $type) { report $node 'type' $node.Expression.Extent.Text; continue }
            $null = $members.Add($type.FullName + '|' + $node.Member.Extent.Text)
        }
    }
    foreach ($node in $ast.FindAll({ param($found) $found -is [System.Management.Automation.Language.TypeExpressionAst] -or $found -is [System.Management.Automation.Language.TypeConstraintAst] }, $true)) {
        $type = $node.TypeName.GetReflectionType()
        if (-not $type) { report $node 'type' $node.Extent.Text; continue }
        $null = $members.Add($type.FullName + '|')
    }
}

$parsed = foreach ($file in Get-ChildItem -LiteralPath $Folder -Recurse -File -Include '*.psm1', '*.ps1') {
    $tokens = $errors = $null
    $ast = [System.Management.Automation.Language.Parser]::ParseFile($file.FullName, [ref] $tokens, [ref] $errors)
    foreach ($found in $errors) { report $found 'parse' $found.Message }
    if ($file.Extension -eq '.psm1') {
        foreach ($line in 'Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0', "`$ErrorActionPreference = 'Stop'") {
            if (-not ($ast.EndBlock.Statements | Where-Object { $_.Extent.Text -eq $line })) { report $ast 'strict' "$line is missing" }
        }
    }
    [pscustomobject] @{ ast = $ast; tokens = $tokens }
}
$own = @($parsed | ForEach-Object { all $_.ast ([System.Management.Automation.Language.FunctionDefinitionAst]) } | ForEach-Object Name)
foreach ($one in $parsed) {
    checkSyntax $one.ast $one.tokens
    foreach ($function in all $one.ast ([System.Management.Automation.Language.FunctionDefinitionAst])) { checkFunction $function }
    foreach ($command in all $one.ast ([System.Management.Automation.Language.CommandAst])) { checkCommand $command $own }
    checkMethods $one.ast $own
    checkPrograms $one.ast
    checkShown $one.ast
    gatherMembers $one.ast
}
[Console]::Out.WriteLine((ConvertTo-Json -Compress -Depth 6 -InputObject @{ findings = @($findings); calls = @($calls); members = @($members); functions = $own }))
