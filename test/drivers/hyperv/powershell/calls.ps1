# The calls in a syntax tree: which commands, with which parameters, however a call is put together. Needs the functions of
# rules.ps1.

# First: what the stand-in has in place of PowerShell's own module comes from the same assembly, which is imported but once.
Import-Module -Name 'Hyper-V'

# Besides literal ones: a table that is splatted, and $shell.AddCommand('X').AddParameter('Y', ...), become the same record.
function newCall($ast, [string] $command) {
    # `optional`: parameters that are given only sometimes. `values`: of those that are written as plain text.
    [ordered]@{ at = place $ast; command = $command; parameters = @(); optional = @(); values = [ordered]@{}; isPiped = $false; problems = @() }
}

function addParameter($call, [string] $name, $value, [bool] $isOptional) {
    if ($name -notin $call.parameters) {
        $call.parameters += $name
        if ($isOptional) { $call.optional += $name }
    }
    $text = constantOf $value
    if ($null -ne $text) { $call.values[$name] = $text }
}

# Without what only wraps an expression.
function bareOf($ast) {
    while ($true) {
        if ($ast -is [System.Management.Automation.Language.PipelineAst] -and $ast.PipelineElements.Count -eq 1) { $ast = $ast.PipelineElements[0] }
        elseif ($ast -is [System.Management.Automation.Language.CommandExpressionAst]) { $ast = $ast.Expression }
        elseif ($ast -is [System.Management.Automation.Language.ParenExpressionAst]) { $ast = $ast.Pipeline }
        else { return $ast }
    }
}

function constantOf($ast) {
    $bare = bareOf $ast
    if ($bare -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $bare.Value }
}

# The table that an expression is, with or without [ordered].
function tableOf($ast) {
    $bare = bareOf $ast
    if ($bare -is [System.Management.Automation.Language.ConvertExpressionAst]) { $bare = $bare.Child }
    if ($bare -is [System.Management.Automation.Language.HashtableAst]) { $bare }
}

function isVariable($ast, [string] $name) { $ast -is [System.Management.Automation.Language.VariableExpressionAst] -and $ast.VariablePath.UserPath -eq $name }

# Whether something is done at all when what is done at another place is done: it is in a block around that place.
function isSure($ast, $place) {
    while ($ast -isnot [System.Management.Automation.Language.StatementBlockAst] -and $ast -isnot [System.Management.Automation.Language.NamedBlockAst]) { $ast = $ast.Parent }
    while ($place -and $place -ne $ast) { $place = $place.Parent }
    [bool] $place
}

# The keys of a table that is written out in the same function, and those that are set one by one.
function readSplat($call, $variable) {
    $name = $variable.VariablePath.UserPath
    $scope = scopeOf $variable
    $isFound = $false
    foreach ($assignment in all $scope ([System.Management.Automation.Language.AssignmentStatementAst])) {
        $left = $assignment.Left
        if ($left -is [System.Management.Automation.Language.ConvertExpressionAst]) { $left = $left.Child }
        $isOptional = -not (isSure $assignment $variable)
        if (isVariable $left $name) {
            $isFound = $true
            $table = tableOf $assignment.Right
            if (-not $table) { report $variable 'splat' "the keys of @$name are not written out"; continue }
            foreach ($pair in $table.KeyValuePairs) { addKey $call $variable $pair.Item1 $pair.Item2 $isOptional }
        }
        elseif ($left -is [System.Management.Automation.Language.MemberExpressionAst] -and (isVariable $left.Expression $name)) { addKey $call $variable $left.Member $assignment.Right $isOptional }
        elseif ($left -is [System.Management.Automation.Language.IndexExpressionAst] -and (isVariable $left.Target $name)) { addKey $call $variable $left.Index $assignment.Right $isOptional }
    }
    foreach ($method in all $scope ([System.Management.Automation.Language.InvokeMemberExpressionAst])) {
        if ((isVariable $method.Expression $name) -and $method.Member.Extent.Text -ne 'ContainsKey') { report $method 'splat' "@$name is changed by a method" }
    }
    if (-not $isFound) { report $variable 'splat' "@$name is made elsewhere" }
}

function addKey($call, $variable, $key, $value, [bool] $isOptional) {
    $name = constantOf $key
    if ($null -eq $name) { report $variable 'splat' "a key is not written out: $($key.Extent.Text)"; return }
    addParameter $call $name $value $isOptional
}

function readCommand($command) {
    $call = newCall $command $command.GetCommandName()
    $call.isPiped = $command.Parent -is [System.Management.Automation.Language.PipelineAst] -and $command.Parent.PipelineElements[0] -ne $command
    $isSplatted = $false
    $parameter = $null
    foreach ($element in @($command.CommandElements | Select-Object -Skip 1)) {
        if ($element -is [System.Management.Automation.Language.CommandParameterAst]) {
            addParameter $call $element.ParameterName $element.Argument $false
            $parameter = $element.ParameterName
            if ($element.Argument) { $parameter = $null }
        }
        elseif ($element -is [System.Management.Automation.Language.VariableExpressionAst] -and $element.Splatted) {
            $isSplatted = $true
            readSplat $call $element
        }
        elseif ($parameter) {
            addParameter $call $parameter $element $false
            $parameter = $null
        }
        else { report $command 'positional' $element.Extent.Text }
    }
    if ($isSplatted) { bindParts $call }
    else { $call.problems = @(bindingProblems $command $call.isPiped) }
    $calls.Add($call)
}

# What the engine's own binder says, as far as it can bind without running anything.
function bindingProblems($command, [bool] $isPiped) {
    if (-not (Get-Command -Name $command.GetCommandName() -ErrorAction Ignore)) { return 'there is no such command' }
    $bound = [System.Management.Automation.Language.StaticParameterBinder]::BindCommand($command, $true)
    foreach ($problem in $bound.BindingExceptions.Values) {
        # What comes through a pipeline decides between sets.
        if (-not $isPiped -or $problem.BindingException.ErrorId -ne 'AmbiguousParameterSet') { $problem.BindingException.Message }
    }
}

# The same for a call that is put together from parts, with all of them and with those that it always has.
function bindParts($call) {
    $always = @($call.parameters | Where-Object { $_ -notin $call.optional })
    $found = foreach ($names in @(, $call.parameters) + @(, $always)) {
        $text = $call.command + -join ($names | ForEach-Object { " -${_}:`$x" })
        $ast = [System.Management.Automation.Language.Parser]::ParseInput($text, [ref] $null, [ref] $null)
        bindingProblems $ast.EndBlock.Statements[0].PipelineElements[0] $call.isPiped
    }
    $call.problems = @($found | Select-Object -Unique)
}

# $shell.AddCommand('X'), with the parameters that follow it there and in later statements. Returns the methods that were read.
function readChain($method, [string[]] $own) {
    $first = bareOf $method.Arguments[0]
    $name = constantOf $first
    $call = $null
    if ($null -eq $name) {
        # A function of ours that finds the command answers for it.
        if ($first -isnot [System.Management.Automation.Language.CommandAst] -or $first.GetCommandName() -notin $own) { report $method 'dynamic' $first.Extent.Text }
    }
    elseif ($name -notmatch '\\') { report $method 'qualified' $name }
    else { $call = newCall $method $name }
    foreach ($part in chainedTo $method) {
        $part
        if ($call) { readPart $call $part $method }
    }
    if (-not $call) { return }
    bindParts $call
    $calls.Add($call)
}

function chainedTo($method) {
    for ($node = $method; $node.Parent -is [System.Management.Automation.Language.InvokeMemberExpressionAst] -and $node.Parent.Expression -eq $node; $node = $node.Parent) { $node.Parent }
    $variable = rootOf $method
    if ($variable -isnot [System.Management.Automation.Language.VariableExpressionAst]) { return }
    # All methods of a chain begin where it does.
    $later = @(all (scopeOf $method) ([System.Management.Automation.Language.InvokeMemberExpressionAst]) |
            Where-Object { $_.Extent.StartOffset -gt $method.Extent.StartOffset -and (isVariable (rootOf $_) $variable.VariablePath.UserPath) })
    $next = $later | Where-Object { $_.Member.Extent.Text -in 'AddCommand', 'AddStatement' } | Select-Object -First 1
    $later | Where-Object { -not $next -or $_.Extent.StartOffset -lt $next.Extent.StartOffset }
}

# What a chain of methods begins with.
function rootOf($method) { while ($method -is [System.Management.Automation.Language.InvokeMemberExpressionAst]) { $method = $method.Expression }; $method }

function readPart($call, $method, $command) {
    $member = $method.Member.Extent.Text
    if ($member -eq 'AddArgument') { report $method 'positional' $method.Arguments[0].Extent.Text }
    elseif ($member -eq 'AddParameters') { report $method 'splat' $method.Arguments[0].Extent.Text }
    elseif ($member -eq 'AddParameter') {
        $name = constantOf $method.Arguments[0]
        if ($null -eq $name) { report $method 'dynamic' $method.Arguments[0].Extent.Text; return }
        $value = if ($method.Arguments.Count -gt 1) { $method.Arguments[1] }
        addParameter $call $name $value (-not (isSure $method $command))
    }
}
