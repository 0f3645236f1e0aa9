# Virtual machines: thrown away after a build, found again by their names.

$script:ListAttempts = 3
# On its way from one state to another. A machine that is stopping is not among them: its guest may never come to an end.
$script:Transitions = 'Starting', 'Saving', 'Pausing', 'Resuming', 'Reset', 'FastSaving', 'ForceShutdown', 'ForceReboot'
$script:TransitionSeconds = 60

function New-HyperfileMachine {
    <#
    .SYNOPSIS
        Makes a machine with one disk, switched off.
    .DESCRIPTION
        Without checkpoints, automatic start and dynamic memory. Its name says from the first moment whose it is, so that
        it is found when anything ends in the middle; when a setting fails, the machine is removed again.
    .PARAMETER Mark
        Of the store: letters, digits and hyphens.
    .PARAMETER OwnerProcessId
        The process that will remove the machine.
    .PARAMETER Folder
        For the machine's own files.
    .PARAMETER DiskPath
        The disk that it starts from.
    .PARAMETER Generation
        1 or 2.
    .PARAMETER MemoryBytes
        All that it gets.
    .PARAMETER ProcessorCount
        How many.
    .PARAMETER SwitchId
        The virtual switch that it is connected to; absent: none.
    .PARAMETER SecureBoot
        For generation 2: whose signatures the firmware accepts; absent: it does not look.
    .PARAMETER HasTpm
        For generation 2: with a virtual TPM.
    .PARAMETER IsNested
        Machines can run inside it.
    .PARAMETER Label
        The end of its name, by which Get-HyperfileLeftover finds it; absent: a random one.
    .OUTPUTS
        As Get-HyperfileMachine.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [ValidatePattern('^[0-9A-Za-z-]{1,40}$')] [string] $Mark,
        [Parameter(Mandatory = $true)] [int] $OwnerProcessId,
        [Parameter(Mandatory = $true)] [string] $Folder,
        [Parameter(Mandatory = $true)] [string] $DiskPath,
        [ValidateSet(1, 2)] [int16] $Generation = 2,
        [Parameter(Mandatory = $true)] [long] $MemoryBytes,
        [Parameter(Mandatory = $true)] [int] $ProcessorCount,
        [guid] $SwitchId,
        [ValidateSet('MicrosoftWindows', 'MicrosoftUEFICertificateAuthority')] [string] $SecureBoot,
        [switch] $HasTpm,
        [switch] $IsNested,
        [ValidatePattern('^[0-9a-f]{8}$')] [string] $Label = [guid]::NewGuid().ToString('N').Substring(0, 8)
    )
    $name = 'hyperfile_' + $Mark + '_' + (Get-HyperfileOwner -ProcessId $OwnerProcessId) + '_' + $Label
    $machine = Hyper-V\New-VM -ErrorAction Stop -Name $name -Path $Folder -MemoryStartupBytes $MemoryBytes -Generation $Generation -VHDPath $DiskPath
    try {
        Set-HyperfileMachineSetting -Machine $machine -ProcessorCount $ProcessorCount -IsNested:$IsNested
        if ($Generation -eq 2) {
            $firmware = @{ VM = $machine; EnableSecureBoot = 'Off'; FirstBootDevice = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM $machine)[0] }
            if ($PSBoundParameters.ContainsKey('SecureBoot')) {
                $firmware.EnableSecureBoot = 'On'
                $firmware.SecureBootTemplate = $SecureBoot
            }
            Hyper-V\Set-VMFirmware -ErrorAction Stop @firmware
            # After the template: with a TPM it cannot be changed any more.
            if ($HasTpm) {
                Hyper-V\Set-VMKeyProtector -ErrorAction Stop -VM $machine -NewLocalKeyProtector
                Hyper-V\Enable-VMTPM -ErrorAction Stop -VM $machine
            }
        }
        if ($PSBoundParameters.ContainsKey('SwitchId')) {
            $switch = Hyper-V\Get-VMSwitch -ErrorAction Stop -Id $SwitchId
            Hyper-V\Get-VMNetworkAdapter -ErrorAction Stop -VM $machine | Microsoft.PowerShell.Core\ForEach-Object -Process { Hyper-V\Connect-VMNetworkAdapter -ErrorAction Stop -VMNetworkAdapter $_ -VMSwitch $switch }
        }
        return (Get-HyperfileMachine -Id $machine.Id)
    }
    catch {
        Hyper-V\Remove-VM -ErrorAction Stop -VM $machine -Force
        throw
    }
}

function Set-HyperfileMachineSetting {
    <#
    .SYNOPSIS
        Sets what all of our machines have in common.
    .PARAMETER Machine
        What New-VM wrote.
    .PARAMETER ProcessorCount
        How many.
    .PARAMETER IsNested
        Machines can run inside it.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Machine,
        [Parameter(Mandatory = $true)] [int] $ProcessorCount,
        [switch] $IsNested
    )
    $settings = @{
        VM = $Machine
        Notes = 'A step of a build with Hyperfile. It is removed when the step ends.'
        ProcessorCount = $ProcessorCount
        StaticMemory = $true
        AutomaticStartAction = 'Nothing'
        AutomaticStopAction = 'TurnOff'
        CheckpointType = 'Disabled'
    }
    # Windows Server 2016 and Windows 10 before version 1709 make none by themselves.
    $knownSettings = (Microsoft.PowerShell.Core\Get-Command -ErrorAction Stop -Name 'Hyper-V\Set-VM').Parameters
    if ($knownSettings.ContainsKey('AutomaticCheckpointsEnabled')) { $settings.AutomaticCheckpointsEnabled = $false }
    Hyper-V\Set-VM -ErrorAction Stop @settings
    if ($IsNested) { Hyper-V\Set-VMProcessor -ErrorAction Stop -VM $Machine -ExposeVirtualizationExtensions $true }
}

function Get-HyperfileMachine {
    <#
    .SYNOPSIS
        Says how a machine is.
    .PARAMETER Id
        Of the machine.
    .OUTPUTS
        A table: id, name, state, heartbeat (null: none), uptimeSeconds, generation, disks.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    $machine = Hyper-V\Get-VM -ErrorAction Stop -Id $Id
    return [ordered]@{
        id = $machine.Id
        name = $machine.Name
        state = $machine.State
        heartbeat = $machine.Heartbeat
        uptimeSeconds = $machine.Uptime
        generation = $machine.Generation
        disks = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM $machine | Microsoft.PowerShell.Core\ForEach-Object -Process { $_.Path })
    }
}

function Start-HyperfileMachine {
    <#
    .SYNOPSIS
        Switches a machine on.
    .PARAMETER Id
        Of the machine.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    Hyper-V\Start-VM -ErrorAction Stop -VM (Hyper-V\Get-VM -ErrorAction Stop -Id $Id)
}

function Wait-HyperfileMachine {
    <#
    .SYNOPSIS
        Waits until a machine is off, or its guest is there.
    .DESCRIPTION
        Ends early when that cannot come any more: a machine that has switched itself off has no guest.
    .PARAMETER Id
        Of the machine.
    .PARAMETER For
        Off, or Heartbeat: the guest's integration services answer, or Address: the guest has told its host one.
    .PARAMETER TimeoutSeconds
        How long at most.
    .PARAMETER Start
        Switches the machine on first, unless it is.
    .OUTPUTS
        As Get-HyperfileMachine, with isReached, and with the addresses that were waited for.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [ValidateSet('Off', 'Heartbeat', 'Address')] [string] $For,
        [Parameter(Mandatory = $true)] [double] $TimeoutSeconds,
        [switch] $Start
    )
    if ($Start -and (Hyper-V\Get-VM -ErrorAction Stop -Id $Id).State -eq 'Off') { Start-HyperfileMachine -Id $Id }
    $deadline = [datetime]::UtcNow.AddSeconds($TimeoutSeconds)
    $addresses = @()
    while ($true) {
        $machine = Hyper-V\Get-VM -ErrorAction Stop -Id $Id
        $isOff = $machine.State -eq 'Off'
        if ($For -eq 'Address') { $addresses = @(Get-HyperfileMachineAddress -Id $Id) }
        $isReached = switch ($For) {
            'Off' { $isOff }
            # OkApplicationsHealthy, OkApplicationsUnknown and others: that there is contact is in the first two letters.
            'Heartbeat' { -not $isOff -and "$($machine.Heartbeat)".StartsWith('Ok', [System.StringComparison]::Ordinal) }
            'Address' { -not $isOff -and $addresses.Count -gt 0 }
        }
        $isPast = [datetime]::UtcNow -ge $deadline
        if ($isReached -or $isPast -or ($isOff -and $For -ne 'Off')) { break }
        Microsoft.PowerShell.Utility\Write-Progress -Activity 'wait' -Status "$($machine.State) $($machine.Heartbeat)" -PercentComplete -1
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 250
    }
    $facts = Get-HyperfileMachine -Id $Id
    $facts.isReached = $isReached
    $facts.addresses = $addresses
    return $facts
}

function Stop-HyperfileMachine {
    <#
    .SYNOPSIS
        Switches a machine off: by asking the guest to shut down, and by pulling the plug when it takes too long.
    .DESCRIPTION
        A Windows guest that is connected is asked from inside, where nobody loses patience with it; others through Hyper-V.
    .PARAMETER Id
        Of the machine.
    .PARAMETER GraceSeconds
        How long the guest may take; 0: it is not asked.
    .PARAMETER RequestSeconds
        How long at most when Hyper-V asks it: see Request-HyperfileShutdown.
    .OUTPUTS
        A table: isGraceful (whether the guest shut down by itself).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [double] $GraceSeconds = 0,
        [double] $RequestSeconds = 285
    )
    $machine = Hyper-V\Get-VM -ErrorAction Stop -Id $Id
    $isGraceful = $machine.State -eq 'Off'
    if (-not $isGraceful -and $GraceSeconds -gt 0) {
        if (Send-HyperfileGuestShutdown -Id $Id) { $isGraceful = (Wait-HyperfileMachine -Id $Id -For Off -TimeoutSeconds $GraceSeconds).isReached }
        else { $isGraceful = Request-HyperfileShutdown -Machine $machine -GraceSeconds ([System.Math]::Min($GraceSeconds, $RequestSeconds)) }
    }
    if (-not $isGraceful) { Stop-HyperfilePower -Machine $machine }
    return [ordered]@{ isGraceful = $isGraceful }
}

function Request-HyperfileShutdown {
    <#
    .SYNOPSIS
        Has Hyper-V ask a guest to shut down, and waits for it.
    .DESCRIPTION
        Stop-VM waits as long as the guest takes, so it runs aside. After five minutes it pulls the plug itself, without a
        word: a guest that takes nearly so long has not shut down for certain, and is taken for one that has not.
    .PARAMETER Machine
        What Get-VM wrote. It is off afterwards.
    .PARAMETER GraceSeconds
        How long the guest may take.
    .OUTPUTS
        System.Boolean: whether the guest shut down by itself.
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [object] $Machine,
        [Parameter(Mandatory = $true)] [double] $GraceSeconds
    )
    $shell = [powershell]::Create()
    try {
        $null = $shell.AddCommand('Hyper-V\Stop-VM').AddParameter('VM', $Machine).AddParameter('Force', $true).AddParameter('ErrorAction', 'Stop')
        $running = $shell.BeginInvoke()
        if ($running.AsyncWaitHandle.WaitOne([timespan]::FromSeconds($GraceSeconds))) {
            $null = $shell.EndInvoke($running)
            return ((Hyper-V\Get-VM -ErrorAction Stop -Id $Machine.Id).State -eq 'Off')
        }
        # Before the other one is given up, which ends only when the machine is off.
        Hyper-V\Stop-VM -ErrorAction Stop -VM $Machine -TurnOff -Force
    }
    catch {
        # A guest without integration services cannot be asked.
        Microsoft.PowerShell.Utility\Write-Warning -Message "The guest could not be asked to shut down: $($_.Exception.Message)"
    }
    finally {
        $shell.Dispose()
    }
    return $false
}

function Stop-HyperfilePower {
    <#
    .SYNOPSIS
        Pulls the plug of a machine, unless it is off.
    .DESCRIPTION
        Hyper-V refuses that while a machine is on its way to another state, as one is that a command was starting when it was
        ended. That takes seconds, and goes on without the command.
    .PARAMETER Machine
        What Get-VM wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Machine
    )
    $deadline = [datetime]::UtcNow.AddSeconds($script:TransitionSeconds)
    while ($true) {
        $state = (Hyper-V\Get-VM -ErrorAction Stop -Id $Machine.Id).State
        if ($state -eq 'Off') { return }
        if ($state -notin $script:Transitions -or [datetime]::UtcNow -ge $deadline) { break }
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 250
    }
    Hyper-V\Stop-VM -ErrorAction Stop -VM $Machine -TurnOff -Force
}

function Set-HyperfileMachineDisk {
    <#
    .SYNOPSIS
        Gives a machine that is off another disk in place of the one it has.
    .PARAMETER Id
        Of the machine.
    .PARAMETER DiskPath
        The new disk.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id,
        [Parameter(Mandatory = $true)] [string] $DiskPath
    )
    $drive = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM (Hyper-V\Get-VM -ErrorAction Stop -Id $Id))[0]
    Hyper-V\Set-VMHardDiskDrive -ErrorAction Stop -VMHardDiskDrive $drive -Path $DiskPath
}

function Remove-HyperfileMachine {
    <#
    .SYNOPSIS
        Removes a machine, whatever it is doing; its disks stay. Does nothing when it is gone already.
    .PARAMETER Id
        Of the machine.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    $machine = Find-HyperfileMachine -Id $Id
    if ($null -eq $machine) { return }
    Stop-HyperfilePower -Machine $machine
    Hyper-V\Remove-VM -ErrorAction Stop -VM $machine -Force
}

function Find-HyperfileMachine {
    <#
    .SYNOPSIS
        The machine of an id; nothing when it is gone.
    .DESCRIPTION
        Get-VM has more than one error for a machine that is gone, and one of them also means that it may not be seen, or that
        nobody can be asked. Only a list of all that does not have it says that it is gone.
    .PARAMETER Id
        Of the machine.
    .OUTPUTS
        What Get-VM wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    try {
        return (Hyper-V\Get-VM -ErrorAction Stop -Id $Id)
    }
    catch {
        if ($_.CategoryInfo.Category -notin 'ObjectNotFound', 'InvalidArgument') { throw }
    }
    Get-HyperfileAllMachine | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_.Id -eq $Id }
}

function Get-HyperfileAllMachine {
    <#
    .SYNOPSIS
        All machines of the host.
    .DESCRIPTION
        Get-VM fails when one of them, whosever it is, goes while it looks: then it looks again.
    .OUTPUTS
        What Get-VM wrote.
    #>
    [CmdletBinding()]
    param()
    for ($attempt = 1; ; $attempt++) {
        try {
            return @(Hyper-V\Get-VM -ErrorAction Stop)
        }
        catch {
            if ($_.CategoryInfo.Category -ne 'ObjectNotFound' -or $attempt -eq $script:ListAttempts) { throw }
        }
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds 250
    }
}
