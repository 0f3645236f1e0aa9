# The PowerShell side of Hyperfile's session (src/drivers/hyperv/session is the other): takes calls of functions, runs
# them in a runspace of their own, and reports what they write, say and fail with.
#
# Two runspaces, because each does what the other cannot. The one that reads standard input must write the answers
# itself, in order; the functions run in the second one, which has no console: nothing they print gets among the
# answers, nobody can be asked anything there, and progress of cmdlets is a stream like the others.
#
# An answer is a run of frames on standard output, `<MARK:` KIND BASE64 `>`: ASCII, so that code pages mean nothing,
# and each written at once and short enough for a pipe to take it whole, so that a program that prints meanwhile gets
# between two frames and not into one.

Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

# POSIX promises 4096 bytes in one piece.
$script:FrameCharacters = 3000
$script:PollMilliseconds = 15
$script:OwnerPollMilliseconds = 1000
$script:KeyVariable = 'HYPERFILE_SESSION_KEY'

$script:Output = $null
$script:Mark = ''
$script:Key = $null
$script:Owner = $null
$script:Runspace = $null
$script:Commands = @{}

function Start-HyperfileSession {
    <#
    .SYNOPSIS
        Makes this PowerShell ready for calls and says what it is.
    .DESCRIPTION
        Answers with a record of kind `ready`, or of kind `end` with the error.
    .PARAMETER Settings
        Base64 of JSON: mark (of frames), owner (process id), modules (paths). The key of secrets is no setting: Windows can be
        told to log all script text. It comes in an environment variable, which nobody else finds there.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Settings
    )
    # One entry is the least there can be; each would keep the text of a call.
    $global:MaximumHistoryCount = 1
    $settingsTable = ConvertFrom-HyperfileBase64 -Text $Settings
    $script:Output = [System.Console]::OpenStandardOutput()
    $script:Mark = $settingsTable['mark']
    $script:Key = [System.Convert]::FromBase64String([System.Environment]::GetEnvironmentVariable($script:KeyVariable))
    [System.Environment]::SetEnvironmentVariable($script:KeyVariable, [System.Management.Automation.Language.NullString]::Value)
    try {
        $utf8 = [System.Text.UTF8Encoding]::new($false)
        # For programs that our functions start: what they print is read as UTF-8, and so is what is sent to them.
        [System.Console]::OutputEncoding = $utf8
        $global:OutputEncoding = $utf8
        $script:Owner = [System.Diagnostics.Process]::GetProcessById($settingsTable['owner'])
        $script:Runspace = [runspacefactory]::CreateRunspace()
        # A thread for each call costs ten times as much as the call.
        $script:Runspace.ThreadOptions = 'ReuseThread'
        $script:Runspace.Open()
        foreach ($path in $settingsTable['modules']) { Import-HyperfileModule -Path $path }
        Write-HyperfileRecord -Record ([ordered]@{
                kind = 'ready'
                version = $PSVersionTable.PSVersion.ToString()
                edition = $PSVersionTable.PSEdition
                processId = $PID
                functions = @($script:Commands.Keys)
            })
    }
    catch {
        Write-HyperfileRecord -Record ([ordered]@{ kind = 'end'; id = 0; error = ConvertTo-HyperfileFailure -ErrorRecord $_ })
    }
}

function Import-HyperfileModule {
    <#
    .SYNOPSIS
        Loads a module into the runspace of calls; its exported functions may be called from then on.
    .PARAMETER Path
        Of the manifest or module, taken literally.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $shell = [powershell]::Create()
    $shell.Runspace = $script:Runspace
    try {
        $pattern = [System.Management.Automation.WildcardPattern]::Escape($Path)
        $null = $shell.AddCommand('Microsoft.PowerShell.Core\Import-Module').AddParameter('Name', $pattern)
        $null = $shell.AddParameter('PassThru').AddParameter('ErrorAction', 'Stop')
        foreach ($module in $shell.Invoke()) {
            foreach ($function in $module.ExportedFunctions.Values) {
                $name = $module.Name + '\' + $function.Name
                $script:Commands[$name] = @($function.Parameters.Keys)
            }
        }
    }
    finally {
        $shell.Dispose()
    }
}

function Invoke-HyperfileCall {
    <#
    .SYNOPSIS
        Runs one function and reports on it.
    .DESCRIPTION
        Answers with records of kind `output`, `progress`, `warning`, `verbose`, `information` and `error` as they come, and
        with one of kind `end`, which has the error that ended the function if one did.
    .PARAMETER Call
        Base64 of JSON: id, command (MODULE\FUNCTION), parameters (by name), verbose.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Call
    )
    $id = 0
    $failure = $null
    try {
        $table = ConvertFrom-HyperfileBase64 -Text $Call
        $id = $table['id']
        $failure = Invoke-HyperfileFunction -Call $table
    }
    catch {
        $failure = ConvertTo-HyperfileFailure -ErrorRecord $_
    }
    Write-HyperfileRecord -Record ([ordered]@{ kind = 'end'; id = $id; error = $failure })
}

function Invoke-HyperfileFunction {
    <#
    .SYNOPSIS
        Runs a call's function in the runspace of calls, and passes on its streams while it runs.
    .PARAMETER Call
        See Invoke-HyperfileCall.
    .OUTPUTS
        The failure that ended it, or nothing.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [System.Collections.IDictionary] $Call
    )
    $shell = [powershell]::Create()
    $shell.Runspace = $script:Runspace
    try {
        $null = $shell.AddCommand((Resolve-HyperfileCommand -Call $Call))
        foreach ($name in $Call['parameters'].Keys) {
            $null = $shell.AddParameter($name, (Unprotect-HyperfileValue -Value $Call['parameters'][$name]))
        }
        if ($Call['verbose']) { $null = $shell.AddParameter('Verbose', $true) }
        $shell.Commands.Commands[0].MergeMyResults('All', 'Output')
        $written = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $nothing = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $nothing.Complete()
        $running = $shell.BeginInvoke($nothing, $written)
        # In a table, because what binds parameters would wait for the collection to be complete.
        $streams = @{ Id = $Call['id']; Written = $written; Progress = $shell.Streams.Progress }
        while (-not $running.AsyncWaitHandle.WaitOne($script:PollMilliseconds)) {
            Send-HyperfileStream -Streams $streams
            Stop-HyperfileOrphan
        }
        Send-HyperfileStream -Streams $streams
        return (Get-HyperfileEnding -Shell $shell -Running $running)
    }
    finally {
        $shell.Dispose()
    }
}

function Resolve-HyperfileCommand {
    <#
    .SYNOPSIS
        The name of a call's function, when there is one that takes the call's parameters.
    .PARAMETER Call
        See Invoke-HyperfileCall.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [System.Collections.IDictionary] $Call
    )
    $name = $Call['command']
    if (-not $script:Commands.ContainsKey($name)) {
        $exception = [System.Management.Automation.CommandNotFoundException]::new("There is no function $name.")
        throw [System.Management.Automation.ErrorRecord]::new($exception, 'HyperfileFunction', 'ObjectNotFound', $name)
    }
    foreach ($parameter in $Call['parameters'].Keys) {
        # PowerShell would take the beginning of a parameter's name for it.
        if ($script:Commands[$name] -notcontains $parameter) {
            $exception = [System.ArgumentException]::new("$name has no parameter $parameter.")
            throw [System.Management.Automation.ErrorRecord]::new($exception, 'HyperfileParameter', 'InvalidArgument', $parameter)
        }
    }
    return $name
}

function Get-HyperfileEnding {
    <#
    .SYNOPSIS
        What ended a function that has ended: a failure, or nothing.
    .PARAMETER Shell
        What ran it.
    .PARAMETER Running
        What BeginInvoke returned.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [powershell] $Shell,
        [Parameter(Mandatory = $true)] [System.IAsyncResult] $Running
    )
    try {
        $null = $Shell.EndInvoke($Running)
    }
    catch {
        # The call of EndInvoke failed with what the function failed with.
        $reason = $_.Exception
        if ($reason -is [System.Management.Automation.MethodInvocationException] -and $null -ne $reason.InnerException) { $reason = $reason.InnerException }
        if ($reason -is [System.Management.Automation.RuntimeException]) { return (ConvertTo-HyperfileFailure -ErrorRecord $reason.ErrorRecord) }
        return (ConvertTo-HyperfileFailure -ErrorRecord $_)
    }
}

function Send-HyperfileStream {
    <#
    .SYNOPSIS
        Reports what a running function has written to its streams since the last time.
    .PARAMETER Streams
        The call's Id, what its function has Written (with the streams that are merged into its output) and its Progress.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [hashtable] $Streams
    )
    # Of many steps of one activity, the last says it all.
    $latest = [ordered]@{}
    foreach ($progress in $Streams.Progress.ReadAll()) { $latest["$($progress.ActivityId)"] = $progress }
    foreach ($progress in $latest.Values) { Send-HyperfileProgress -Id $Streams.Id -Progress $progress }
    foreach ($item in $Streams.Written.ReadAll()) { Send-HyperfileItem -Id $Streams.Id -Item $item }
}

function Send-HyperfileProgress {
    <#
    .SYNOPSIS
        Reports how far a function has come.
    .PARAMETER Id
        Of the call.
    .PARAMETER Progress
        What Write-Progress, or a cmdlet, wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Id,
        [Parameter(Mandatory = $true)] [System.Management.Automation.ProgressRecord] $Progress
    )
    Write-HyperfileRecord -Record ([ordered]@{
            kind = 'progress'
            id = $Id
            activity = $Progress.Activity
            status = $Progress.StatusDescription
            percent = $Progress.PercentComplete
            isDone = $Progress.RecordType -eq [System.Management.Automation.ProgressRecordType]::Completed
        })
}

function Send-HyperfileItem {
    <#
    .SYNOPSIS
        Reports one object of a function's output, or a record of one of its streams.
    .PARAMETER Id
        Of the call.
    .PARAMETER Item
        What was written.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Id,
        [AllowNull()] [object] $Item
    )
    if ($Item -is [System.Management.Automation.ErrorRecord]) {
        $record = [ordered]@{ kind = 'error'; id = $Id; error = ConvertTo-HyperfileFailure -ErrorRecord $Item }
    }
    elseif ($Item -is [System.Management.Automation.WarningRecord]) { $record = [ordered]@{ kind = 'warning'; id = $Id; text = $Item.Message } }
    elseif ($Item -is [System.Management.Automation.VerboseRecord]) { $record = [ordered]@{ kind = 'verbose'; id = $Id; text = $Item.Message } }
    elseif ($Item -is [System.Management.Automation.DebugRecord]) { $record = [ordered]@{ kind = 'verbose'; id = $Id; text = $Item.Message } }
    elseif ($Item -is [System.Management.Automation.InformationRecord]) {
        $record = [ordered]@{ kind = 'information'; id = $Id; text = [string] $Item.MessageData }
    }
    else { $record = [ordered]@{ kind = 'output'; id = $Id; value = $Item } }
    Write-HyperfileRecord -Record $record
}

function ConvertTo-HyperfileFailure {
    <#
    .SYNOPSIS
        What there is to know about an error, as a table of texts.
    .PARAMETER ErrorRecord
        The error.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [System.Management.Automation.ErrorRecord] $ErrorRecord
    )
    $exception = $ErrorRecord.Exception
    $innermost = $exception
    while ($null -ne $innermost.InnerException) { $innermost = $innermost.InnerException }
    return [ordered]@{
        id = $ErrorRecord.FullyQualifiedErrorId
        category = $ErrorRecord.CategoryInfo.Category.ToString()
        target = [string] $ErrorRecord.CategoryInfo.TargetName
        message = $exception.Message
        exception = $exception.GetType().FullName
        cause = $innermost.GetType().FullName
        code = '0x' + $innermost.HResult.ToString('X8')
        stack = [string] $ErrorRecord.ScriptStackTrace
    }
}

function Unprotect-HyperfileValue {
    <#
    .SYNOPSIS
        A parameter's value, with secure strings in place of the secrets in it.
    .DESCRIPTION
        Secrets are encrypted on their way, because Windows can be told to log all script text.
    .PARAMETER Value
        As it was read from JSON.
    #>
    [CmdletBinding()]
    param(
        [AllowNull()] [object] $Value
    )
    if ($Value -is [System.Collections.IDictionary] -and $Value.Count -eq 1 -and $Value.Contains('$secret')) {
        return (Unprotect-HyperfileSecret -Secret $Value['$secret'])
    }
    $PSCmdlet.WriteObject($Value, $false)
}

function Unprotect-HyperfileSecret {
    <#
    .SYNOPSIS
        Decrypts a secret with the session's key: AES-256-CBC, the initialization vector first.
    .PARAMETER Secret
        Base64.
    #>
    [CmdletBinding()]
    [OutputType([securestring])]
    param(
        [Parameter(Mandatory = $true)] [string] $Secret
    )
    $bytes = [System.Convert]::FromBase64String($Secret)
    $cipher = [System.Security.Cryptography.Aes]::Create()
    $vectorBytes = [int] ($cipher.BlockSize / 8)
    $vector = [byte[]]::new($vectorBytes)
    [System.Array]::Copy($bytes, $vector, $vectorBytes)
    $decryptor = $cipher.CreateDecryptor($script:Key, $vector)
    $plain = $decryptor.TransformFinalBlock($bytes, $vectorBytes, $bytes.Length - $vectorBytes)
    $secure = [securestring]::new()
    foreach ($letter in [System.Text.Encoding]::UTF8.GetChars($plain)) { $secure.AppendChar($letter) }
    $secure.MakeReadOnly()
    return $secure
}

function ConvertFrom-HyperfileBase64 {
    <#
    .SYNOPSIS
        The value in base64 of JSON in UTF-8.
    .PARAMETER Text
        The base64.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Text
    )
    $json = [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String($Text))
    $PSCmdlet.WriteObject((ConvertFrom-HyperfileJson -Json $json), $false)
}

function Write-HyperfileRecord {
    <#
    .SYNOPSIS
        Writes a record to standard output, in as many frames as it needs; the last one is of kind R, those before it C.
    .PARAMETER Record
        A table.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [System.Collections.IDictionary] $Record
    )
    $json = ConvertTo-HyperfileJson -Value $Record
    $text = [System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($json))
    for ($at = 0; $at -lt $text.Length; $at += $script:FrameCharacters) {
        $length = [System.Math]::Min($script:FrameCharacters, $text.Length - $at)
        $kind = 'C'
        if ($at + $length -eq $text.Length) { $kind = 'R' }
        $frame = [System.Text.Encoding]::ASCII.GetBytes('<' + $script:Mark + ':' + $kind + $text.Substring($at, $length) + '>')
        $script:Output.Write($frame, 0, $frame.Length)
    }
    $script:Output.Flush()
}

function Stop-HyperfileOrphan {
    <#
    .SYNOPSIS
        Ends this process when Hyperfile has ended: a PowerShell that is busy does not notice the end of its input.
    #>
    [CmdletBinding()]
    param()
    $now = [System.Environment]::TickCount
    if ($now - $script:OwnerSeen -lt $script:OwnerPollMilliseconds -and $now -ge $script:OwnerSeen) { return }
    $script:OwnerSeen = $now
    $script:Owner.Refresh()
    if ($script:Owner.HasExited) { [System.Environment]::Exit(1) }
}

$script:OwnerSeen = [System.Environment]::TickCount

Microsoft.PowerShell.Core\Export-ModuleMember -Function Start-HyperfileSession, Invoke-HyperfileCall
