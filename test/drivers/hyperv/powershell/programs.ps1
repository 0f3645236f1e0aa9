# Where programs are started. PowerShell takes one that fails without a word for a success, so there is one function that runs
# them and returns their status. Needs the functions of rules.ps1 and calls.ps1.

$runsPrograms = 'Invoke-HyperfileProgram'

# Cmdlets and functions are Verb-Noun; what else can be called is a program.
function isProgram([string] $name) { $name -notmatch '^([\w.-]+\\)?[A-Za-z]+-\w+$' -or $name -match '(^|\\)(Start-Process|Invoke-Item)$' }

function checkPrograms($ast) {
    foreach ($method in all $ast ([System.Management.Automation.Language.InvokeMemberExpressionAst])) {
        $isStart = $method.Static -and $method.Expression.Extent.Text -match '^\[(System\.)?Diagnostics\.Process\]$' -and $method.Member.Extent.Text -in 'Start', 'new'
        if ($isStart -and -not (mayStart $method)) { report $method 'program' $method.Extent.Text }
    }
}

# In that function, and in script blocks that run in a guest, which has none of our functions.
function mayStart($method) {
    $scope = scopeOf $method
    if ($scope -is [System.Management.Automation.Language.FunctionDefinitionAst]) { return $scope.Name -eq $runsPrograms }
    $held = $null
    for ($node = $method; $node; $node = $node.Parent) { if ($node -is [System.Management.Automation.Language.AssignmentStatementAst]) { $held = $node } }
    $held -and $held.Left.Extent.Text -clike '$script:Guest*' -and (bareOf $held.Right) -is [System.Management.Automation.Language.ScriptBlockExpressionAst]
}
