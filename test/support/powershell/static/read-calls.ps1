# Reads scripts with PowerShell's own parser and says, a line of JSON each, what they call and what syntax they use that
# Windows PowerShell 5.1 does not have. Nothing of them runs.
param([string[]] $Files)

$commonNames = [Management.Automation.Cmdlet]::CommonParameters
$newTokens = 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'AndAnd', 'OrOr'

function write-finding { param($Kind, $Extent, $Detail)
    Write-Line @{ kind = $Kind; file = $Extent.File; line = $Extent.StartLineNumber; detail = $Detail }
}
function write-line { param($Value) [Console]::Out.WriteLine((ConvertTo-Json -InputObject $Value -Compress -Depth 6)) }

function read-call { param($Ast, $Own)
    $name = $Ast.GetCommandName()
    # A module may be made of files beside it.
    if ($null -eq $name -and $Ast.InvocationOperator -eq 'Dot') { return }
    if ($null -eq $name) { return write-finding 'dynamic' $Ast.Extent $Ast.CommandElements[0].Extent.Text }
    $isOwn = $name -in $Own
    $command = if (-not $isOwn) { Get-Command -Name $name -ErrorAction Ignore | Select-Object -First 1 }
    $call = @{
        kind = 'call'; file = $Ast.Extent.File; line = $Ast.Extent.StartLineNumber; name = $name; isOwn = $isOwn
        type = "$($command.CommandType)"; module = "$($command.ModuleName)"; parameters = @{}; errors = @()
        isSplatted = [bool] @($Ast.CommandElements | Where-Object { $_ -is [Management.Automation.Language.VariableExpressionAst] -and $_.Splatted })
        isPiped = $Ast.Parent -is [Management.Automation.Language.PipelineAst] -and $Ast.Parent.PipelineElements[0] -ne $Ast
    }
    if ($command.CommandType -in 'Cmdlet', 'Function') {
        $bound = [Management.Automation.Language.StaticParameterBinder]::BindCommand($Ast, $true)
        foreach ($key in $bound.BoundParameters.Keys) {
            $value = $bound.BoundParameters[$key]
            if ($key -notin $commonNames) { $call.parameters[$key] = if ($null -ne $value.ConstantValue) { "$($value.ConstantValue)" } else { $null } }
        }
        $call.errors = @($bound.BindingExceptions.Values | ForEach-Object { $_.BindingException.ErrorId })
    }
    write-line $call
}

$parsed = foreach ($file in $Files) {
    $tokens = $errors = $null
    $ast = [Management.Automation.Language.Parser]::ParseFile($file, [ref] $tokens, [ref] $errors)
    foreach ($problem in $errors) { write-finding 'syntax' $problem.Extent $problem.ErrorId }
    foreach ($token in $tokens | Where-Object Kind -in $newTokens) { write-finding 'version' $token.Extent $token.Text }
    foreach ($old in $ast.FindAll({ $args[0].GetType().Name -in 'TernaryExpressionAst', 'PipelineChainAst' }, $true)) {
        write-finding 'version' $old.Extent $old.GetType().Name
    }
    foreach ($block in $ast.FindAll({ $args[0].GetType().Name -eq 'ScriptBlockAst' -and $args[0].CleanBlock }, $true)) {
        write-finding 'version' $block.CleanBlock.Extent 'clean'
    }
    $ast
}
# Functions of the scripts themselves, wherever in them.
$own = @($parsed | ForEach-Object { $_.FindAll({ $args[0] -is [Management.Automation.Language.FunctionDefinitionAst] }, $true) } | ForEach-Object Name)
foreach ($ast in $parsed) {
    foreach ($call in $ast.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) { read-call $call $own }
}
