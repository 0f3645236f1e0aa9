# Windows guests, through PowerShell Direct. A session of a guest stays open from one call to the next, because opening one
# takes seconds. It is only a shortcut: every call brings the machine and the account, and opens a session where it finds none.

# Sessions by machine and account.
$script:GuestSessions = @{}

# Of a system that has set itself up, or has never heard of doing that.
$script:SetUpStates = 'IMAGE_STATE_COMPLETE', ''

$script:GuestAnswerSeconds = 10

# Runs in the guest: what is left running there has no say.
$script:GuestShutdown = {
    $process = [System.Diagnostics.Process]::Start('shutdown.exe', '/s /f /t 0')
    $process.WaitForExit()
    $process.ExitCode
}

function Connect-HyperfileGuest {
    <#
    .SYNOPSIS
        Opens a session of a Windows guest, waiting until the guest is there and takes it.
    .DESCRIPTION
        A session that was open before is closed: it may belong to a guest that has been started anew since.
    .PARAMETER Id
        Of the machine.
    .PARAMETER UserName
        An account of the guest.
    .PARAMETER Password
        Of the account.
    .PARAMETER TimeoutSeconds
        How long at most.
    .PARAMETER RefusedSeconds
        How long it must refuse the account to be believed.
    .PARAMETER IsSettingUp
        The system sets itself up first. While it does, it refuses accounts that it does not know yet, takes others, and is
        started anew; it is waited for until it says that it has done that.
    .PARAMETER Start
        Switches the machine on first, unless it is.
    .OUTPUTS
        A table: name (of the machine), outcome (Opened, Off, Unreached, Refused, SettingUp, Silent), said (last of all: by
        PowerShell, by the system about its state, or the heartbeat of one that was not reached).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [string] $UserName,
        [Parameter(Mandatory = $true)] [securestring] $Password,
        [Parameter(Mandatory = $true)] [double] $TimeoutSeconds,
        [double] $RefusedSeconds = 15,
        [switch] $IsSettingUp,
        [switch] $Start
    )
    Disconnect-HyperfileGuest -Id $Id -UserName $UserName
    $deadline = [datetime]::UtcNow.AddSeconds($TimeoutSeconds)
    $machine = Wait-HyperfileMachine -Id $Id -For Heartbeat -TimeoutSeconds $TimeoutSeconds -Start:$Start
    if (-not $machine.isReached) {
        $outcome = 'Unreached'
        if ($machine.state -eq 'Off') { $outcome = 'Off' }
        return [ordered]@{ name = $machine.name; outcome = $outcome; said = "$($machine.heartbeat)" }
    }
    $refusedSince = $null
    while ($true) {
        try {
            $session = Get-HyperfileGuestSession -Id $Id -UserName $UserName -Password $Password
            $said = ''
            if ($IsSettingUp) { $said = "$(Get-HyperfileGuestSetupState -Session $session)" }
            if ($said -in $script:SetUpStates) { return [ordered]@{ name = $machine.name; outcome = 'Opened'; said = '' } }
            $outcome = 'SettingUp'
        }
        catch {
            $outcome = 'Silent'
            $said = $_.Exception.Message
            if (Test-HyperfileRefusal -Exception $_.Exception) { $outcome = 'Refused' }
            elseif ((Hyper-V\Get-VM -ErrorAction Stop -Id $Id).State -eq 'Off') { $outcome = 'Off' }
        }
        # Windows can be reached a little before it knows its accounts.
        if ($outcome -ne 'Refused') { $refusedSince = $null }
        elseif ($null -eq $refusedSince) { $refusedSince = [datetime]::UtcNow }
        $isRefused = $null -ne $refusedSince -and [datetime]::UtcNow -ge $refusedSince.AddSeconds($RefusedSeconds)
        $isFinal = $outcome -eq 'Off' -or ($isRefused -and -not $IsSettingUp)
        if ($isFinal -or [datetime]::UtcNow -ge $deadline) { return [ordered]@{ name = $machine.name; outcome = $outcome; said = $said } }
        Microsoft.PowerShell.Utility\Write-Progress -Activity 'wait' -Status $outcome -PercentComplete -1
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 500
    }
}

function Test-HyperfileRefusal {
    <#
    .SYNOPSIS
        Whether a guest has answered and did not take the account.
    .PARAMETER Exception
        What New-PSSession failed with.
    .OUTPUTS
        System.Boolean
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [System.Exception] $Exception
    )
    $texts = @(Get-HyperfileRefusalText)
    for ($cause = $Exception; $null -ne $cause; $cause = $cause.InnerException) {
        if ($texts -contains $cause.Message) { return $true }
        if ($texts.Count -eq 0 -and $cause.GetType().Name -eq 'PSDirectException') { return $true }
    }
    return $false
}

function Get-HyperfileRefusalText {
    <#
    .SYNOPSIS
        What this PowerShell says when a guest does not take an account, in the language it says it in.
    .DESCRIPTION
        It has one kind of exception for all that goes wrong between it and the service in the guest. Its own table of texts
        tells them apart; Windows PowerShell and PowerShell 7 call the table differently.
    .OUTPUTS
        System.String: nothing where there is no such text.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param()
    $engine = [psobject].Assembly
    foreach ($name in $engine.GetManifestResourceNames()) {
        $table = [regex]::Match($name, '^(.*\.)?RemotingErrorIdStrings(?=\.resources$)')
        if ($table.Success) { [System.Resources.ResourceManager]::new($table.Value, $engine).GetString('InvalidCredential') }
    }
}

function Get-HyperfileGuestSession {
    <#
    .SYNOPSIS
        The session of a guest that is open, or else a new one.
    .PARAMETER Id
        Of the machine.
    .PARAMETER UserName
        An account of the guest.
    .PARAMETER Password
        Of the account.
    .OUTPUTS
        System.Management.Automation.Runspaces.PSSession
    #>
    [CmdletBinding()]
    [OutputType([System.Management.Automation.Runspaces.PSSession])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [string] $UserName,
        [Parameter(Mandatory = $true)] [securestring] $Password
    )
    $session = $script:GuestSessions["$Id $UserName"]
    if ($null -ne $session -and $session.State -eq 'Opened') { return $session }
    Disconnect-HyperfileGuest -Id $Id -UserName $UserName
    # A machine that is gone is told of as such.
    $machine = Hyper-V\Get-VM -ErrorAction Stop -Id $Id
    $credential = [pscredential]::new($UserName, $Password)
    $session = Microsoft.PowerShell.Core\New-PSSession -ErrorAction Stop -VMId $machine.Id -Credential $credential
    $script:GuestSessions["$Id $UserName"] = $session
    return $session
}

function Invoke-HyperfileGuestCommand {
    <#
    .SYNOPSIS
        Runs a program in a Windows guest to its end.
    .DESCRIPTION
        Fails with HYPERV_GUEST_LOST when the guest, or the way to it, ends before the program. When this call is stopped,
        the program is ended with all that it has started.
    .PARAMETER Id
        Of the machine.
    .PARAMETER UserName
        An account of the guest.
    .PARAMETER Password
        Of the account.
    .PARAMETER Program
        A path in the guest, or a name that is looked for on the PATH of the program's environment.
    .PARAMETER Arguments
        The rest of its command line, as it is.
    .PARAMETER WorkFolder
        Made if it is missing.
    .PARAMETER Environment
        NAME=VALUE, in addition to what the account has.
    .PARAMETER InputText
        What it reads from standard input, in UTF-8.
    .OUTPUTS
        Texts that begin with a digit: 1 and what it wrote to standard output, 2 and what it wrote to standard error, in
        whole lines, and at last 0 and its exit code; 3 and why it could not be started.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [string] $UserName,
        [Parameter(Mandatory = $true)] [securestring] $Password,
        [Parameter(Mandatory = $true)] [string] $Program,
        [Parameter(Mandatory = $true)] [AllowEmptyString()] [string] $Arguments,
        [Parameter(Mandatory = $true)] [string] $WorkFolder,
        [Parameter(Mandatory = $true)] [AllowEmptyCollection()] [string[]] $Environment,
        [Parameter(Mandatory = $true)] [AllowEmptyString()] [string] $InputText
    )
    $session = Get-HyperfileGuestSession -Id $Id -UserName $UserName -Password $Password
    $given = @($Program, $Arguments, $WorkFolder, $Environment, $InputText)
    try {
        Microsoft.PowerShell.Core\Invoke-Command -ErrorAction Stop -Session $session -ScriptBlock $script:GuestCommand -ArgumentList $given
    }
    catch {
        if ($session.State -eq 'Opened') { throw }
        Disconnect-HyperfileGuest -Id $Id -UserName $UserName
        throw (Get-HyperfileFault -Code 'HYPERV_GUEST_LOST' -Message $_.Exception.Message -Target "$Id")
    }
}

function Send-HyperfileGuestShutdown {
    <#
    .SYNOPSIS
        Tells a Windows guest to shut down, where a session of it is open; does not wait until it has.
    .DESCRIPTION
        A guest that hangs does not listen, and is left to it. One that goes while it answers is on its way.
    .PARAMETER Id
        Of the machine.
    .OUTPUTS
        System.Boolean: whether it was told.
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    $open = @($script:GuestSessions.Keys | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_.StartsWith("$Id ", [System.StringComparison]::Ordinal) -and $script:GuestSessions[$_].State -eq 'Opened' })
    # Not every account may: then another one is asked.
    foreach ($key in $open) {
        try {
            $job = Microsoft.PowerShell.Core\Invoke-Command -ErrorAction Stop -Session $script:GuestSessions[$key] -ScriptBlock $script:GuestShutdown -AsJob
            if ($null -eq (Microsoft.PowerShell.Core\Wait-Job -ErrorAction Stop -Job $job -Timeout $script:GuestAnswerSeconds)) { return $false }
            if ((Microsoft.PowerShell.Core\Receive-Job -ErrorAction Stop -Job $job -AutoRemoveJob -Wait) -eq 0) { return $true }
        }
        catch {
            # Where the connection is as before, nobody was told.
            if ($script:GuestSessions[$key].State -ne 'Opened') { return $true }
        }
    }
    return $false
}

function Disconnect-HyperfileGuest {
    <#
    .SYNOPSIS
        Closes the session of a guest. Does nothing when there is none.
    .PARAMETER Id
        Of the machine.
    .PARAMETER UserName
        The account that it was opened with.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [string] $UserName
    )
    $session = $script:GuestSessions["$Id $UserName"]
    if ($null -eq $session) { return }
    $script:GuestSessions.Remove("$Id $UserName")
    Microsoft.PowerShell.Core\Remove-PSSession -ErrorAction Stop -Session $session
}

function Get-HyperfileMachineAddress {
    <#
    .SYNOPSIS
        The addresses of a running guest that its host can reach it by.
    .DESCRIPTION
        The guest tells them itself, through its integration services.
    .PARAMETER Id
        Of the machine.
    .OUTPUTS
        System.String: IPv4 first, then IPv6, those that are only for their own link last.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    $adapters = Hyper-V\Get-VMNetworkAdapter -ErrorAction Stop -VM (Hyper-V\Get-VM -ErrorAction Stop -Id $Id)
    $addresses = @($adapters | Microsoft.PowerShell.Core\ForEach-Object -Process { $_.IPAddresses } | Microsoft.PowerShell.Core\ForEach-Object -Process { [System.Net.IPAddress]::Parse($_) })
    $isLinkOnly = { $_.IsIPv6LinkLocal -or $_.ToString().StartsWith('169.254.', [System.StringComparison]::Ordinal) }
    $addresses | Microsoft.PowerShell.Utility\Sort-Object -Property $isLinkOnly, AddressFamily | Microsoft.PowerShell.Core\ForEach-Object -Process { $_.ToString() }
}
