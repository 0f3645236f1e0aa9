# Which process something on the host belongs to, so that whoever cleans up after one that was killed finds what was its
# own, and leaves alone what another command still works with.

function Get-HyperfileOwner {
    <#
    .SYNOPSIS
        A short name of a running process that no other process has, before or after it: its id and when it started.
    .PARAMETER ProcessId
        Of the process.
    .OUTPUTS
        System.String: PID.SECONDS, seconds since 2000 in universal time.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [int] $ProcessId
    )
    $process = [System.Diagnostics.Process]::GetProcessById($ProcessId)
    try {
        $epoch = [datetime]::new(2000, 1, 1, 0, 0, 0, [System.DateTimeKind]::Utc)
        $seconds = [System.Math]::Floor(($process.StartTime.ToUniversalTime() - $epoch).TotalSeconds)
        return [string] $ProcessId + '.' + $seconds.ToString([System.Globalization.CultureInfo]::InvariantCulture)
    }
    finally {
        $process.Dispose()
    }
}

function Test-HyperfileOwner {
    <#
    .SYNOPSIS
        Whether the process of such a name still runs.
    .DESCRIPTION
        A process that may not be looked at counts as running.
    .PARAMETER Owner
        What Get-HyperfileOwner said.
    .OUTPUTS
        System.Boolean
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [string] $Owner
    )
    $processId, $seconds = $Owner.Split('.')
    try {
        $now = Get-HyperfileOwner -ProcessId $processId
    }
    catch [System.ArgumentException] {
        return $false
    }
    catch {
        return $true
    }
    # Clocks are set: two seconds are no other process.
    return ([System.Math]::Abs([long] $now.Split('.')[1] - [long] $seconds) -le 2)
}
