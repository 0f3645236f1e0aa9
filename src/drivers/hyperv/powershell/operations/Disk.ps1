# Disks on the host: the system volume of a guest as a folder, without a drive letter.

# What a volume with Windows on it has as its partition's type: basic data (GPT), IFS (MBR).
$script:SystemTypes = @{ Gpt = '{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}'; Mbr = 7 }
$script:PollMilliseconds = 100
# From the partitions to their volumes; a file system that Windows does not read never comes.
$script:VolumeSeconds = 10

function Mount-HyperfileDisk {
    <#
    .SYNOPSIS
        Mounts a disk and shows the volume that holds the guest's Windows as a folder.
    .DESCRIPTION
        The volume is the one whose partition may hold Windows and that has Windows\System32. When there is none, or
        anything else fails, the disk is not mounted any more.
    .PARAMETER Path
        Of the disk.
    .PARAMETER Folder
        Where the volume is to appear: an empty folder on NTFS, made when it is missing.
    .PARAMETER ReadOnly
        For looking only; then disks that others read can be mounted.
    .PARAMETER TimeoutSeconds
        How long Windows may take to find the volumes.
    .OUTPUTS
        A table: folder, diskNumber, partitionNumber, offset, sizeBytes, fileSystem, setupState (how far Windows has come
        with setting itself up: IMAGE_STATE_COMPLETE and the like, empty where it does not say).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [Parameter(Mandatory = $true)] [string] $Folder,
        [switch] $ReadOnly,
        [int] $TimeoutSeconds = 60
    )
    $null = [System.IO.Directory]::CreateDirectory($Folder)
    Hyper-V\Mount-VHD -ErrorAction Stop -Path $Path -NoDriveLetter -ReadOnly:$ReadOnly
    try {
        $number = Get-HyperfileDiskNumber -Path $Path
        if (-not $ReadOnly) { Enable-HyperfileDisk -Number $number }
        $partition = Find-HyperfileSystem -DiskNumber $number -Folder $Folder -TimeoutSeconds $TimeoutSeconds
        if ($null -eq $partition) {
            throw (Get-HyperfileFault -Code 'DRIVER_ROOT_NOT_FOUND' -Target $Path -Message "No volume of $Path has Windows\System32 and a file system that Windows reads.")
        }
        return [ordered]@{
            folder = $Folder
            diskNumber = $number
            partitionNumber = $partition.PartitionNumber
            offset = $partition.Offset
            sizeBytes = $partition.Size
            fileSystem = (Storage\Get-Volume -ErrorAction Stop -Partition $partition).FileSystem
            setupState = Get-HyperfileSetupState -Windows ([System.IO.Path]::Combine($Folder, 'Windows'))
        }
    }
    catch {
        Dismount-HyperfileDisk -Path $Path -IsOurs
        Remove-HyperfileMountPoint -Folder $Folder
        throw
    }
}

function Get-HyperfileDiskSystem {
    <#
    .SYNOPSIS
        Looks for the Windows on a disk that is not mounted.
    .DESCRIPTION
        Mounts it for that, and dismounts it again whatever happens.
    .PARAMETER Path
        Of the disk.
    .PARAMETER Folder
        Where the volume is to appear meanwhile, as for Mount-HyperfileDisk.
    .OUTPUTS
        What Mount-HyperfileDisk writes.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [Parameter(Mandatory = $true)] [string] $Folder
    )
    Mount-HyperfileDisk -Path $Path -Folder $Folder
    Dismount-HyperfileDisk -Path $Path -IsOurs
}

function Dismount-HyperfileDisk {
    <#
    .SYNOPSIS
        Undoes Mount-HyperfileDisk, or what is left of it; does nothing when nothing is.
    .DESCRIPTION
        Its volumes disappear from all folders, and the folders go when they are empty.
    .PARAMETER Path
        Of the disk.
    .PARAMETER IsOurs
        It was mounted just now: if it is attached, then not to a machine.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [switch] $IsOurs
    )
    if (-not [System.IO.File]::Exists($Path)) { return }
    $disk = Hyper-V\Get-VHD -ErrorAction Stop -Path $Path
    if (-not $disk.Attached) { return }
    $hasNumber = $null -ne $disk.DiskNumber
    # A disk that a machine has is attached, too, and has no number; nor has one that was mounted just now.
    if (-not $hasNumber -and -not $IsOurs) { return }
    $folders = @()
    try {
        if ($hasNumber) { $folders = @(Disconnect-HyperfileVolume -DiskNumber $disk.DiskNumber) }
    }
    finally {
        Hyper-V\Dismount-VHD -ErrorAction Stop -Path $Path
    }
    foreach ($folder in $folders) { Remove-HyperfileMountPoint -Folder $folder }
}

function Remove-HyperfileMountPoint {
    <#
    .SYNOPSIS
        Removes a folder that a volume was shown as; never anything in it.
    .PARAMETER Folder
        The folder.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Folder
    )
    $info = [System.IO.DirectoryInfo]::new($Folder)
    if (-not $info.Exists) { return }
    $isLink = ($info.Attributes -band [System.IO.FileAttributes]::ReparsePoint) -ne 0
    if ($isLink -or $info.GetFileSystemInfos().Length -eq 0) { $info.Delete() }
}

function Enable-HyperfileDisk {
    <#
    .SYNOPSIS
        Makes a mounted disk usable where the host's policy leaves new disks offline or read-only.
    .PARAMETER Number
        Of the disk.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [uint32] $Number
    )
    $disk = Wait-HyperfileFinding -TimeoutSeconds $script:VolumeSeconds -Find { Storage\Get-Disk -ErrorAction Stop -Number $Number }
    if ($null -eq $disk) { throw (Get-HyperfileFault -Code 'HYPERV_NOT_FOUND' -Target "disk $Number" -Message "Windows does not show the disk $Number that was mounted.") }
    if ($disk.IsBoot -or $disk.IsSystem) { throw (Get-HyperfileFault -Code 'HYPERV_NOT_FOUND' -Target "disk $Number" -Message "Disk $Number is the host's own, and not the one that was mounted.") }
    if ($disk.IsOffline) { Storage\Set-Disk -ErrorAction Stop -Number $Number -IsOffline $false }
    if ($disk.IsReadOnly) { Storage\Set-Disk -ErrorAction Stop -Number $Number -IsReadOnly $false }
}

function Get-HyperfileDiskNumber {
    <#
    .SYNOPSIS
        The number that Windows has given a mounted disk.
    .DESCRIPTION
        Where it has none yet it is waited for: nothing in its place is taken for the number 0, which is the host's own disk.
    .PARAMETER Path
        Of the disk.
    #>
    [CmdletBinding()]
    [OutputType([uint32])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $number = Wait-HyperfileFinding -TimeoutSeconds $script:VolumeSeconds -Find {
        $found = (Hyper-V\Get-VHD -ErrorAction Stop -Path $Path).DiskNumber
        if ($null -ne $found) { $found }
    }
    if ($null -eq $number) { throw (Get-HyperfileFault -Code 'HYPERV_NOT_FOUND' -Target $Path -Message "Windows has given $Path no number although it is mounted.") }
    return $number
}

function Wait-HyperfileFinding {
    <#
    .SYNOPSIS
        Asks Storage for something until it is there.
    .DESCRIPTION
        Windows finds disks, partitions and volumes some time after they were mounted.
    .PARAMETER Find
        Writes what is looked for, writes nothing, or fails because there is no such object.
    .PARAMETER TimeoutSeconds
        How long at most.
    .OUTPUTS
        What was found first, or nothing.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [scriptblock] $Find,
        [Parameter(Mandatory = $true)] [int] $TimeoutSeconds
    )
    $deadline = [datetime]::UtcNow.AddSeconds($TimeoutSeconds)
    while ($true) {
        $found = @(Get-HyperfileFinding -Find $Find)
        if ($found.Count -gt 0) { return $found[0] }
        if ([datetime]::UtcNow -ge $deadline) { return }
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds $script:PollMilliseconds
    }
}

function Get-HyperfileFinding {
    <#
    .SYNOPSIS
        Asks Storage for something that may not be there: nothing then, and no failure.
    .PARAMETER Find
        Writes what is looked for, writes nothing, or fails because there is no such object.
    .OUTPUTS
        What was found.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [scriptblock] $Find
    )
    try {
        $true | Microsoft.PowerShell.Core\ForEach-Object -Process $Find
    }
    catch {
        if (-not $_.FullyQualifiedErrorId.StartsWith('CmdletizationQuery_NotFound', [System.StringComparison]::Ordinal)) { throw }
    }
}

function Find-HyperfileSystem {
    <#
    .SYNOPSIS
        Finds the partition with Windows on it and shows its volume as a folder.
    .DESCRIPTION
        Windows finds the partitions of a disk some time after it was mounted, and their volumes some time after that.
    .PARAMETER DiskNumber
        Of the disk.
    .PARAMETER Folder
        An empty one.
    .PARAMETER TimeoutSeconds
        How long to wait for partitions.
    .OUTPUTS
        What Get-Partition wrote, or nothing.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [uint32] $DiskNumber,
        [Parameter(Mandatory = $true)] [string] $Folder,
        [Parameter(Mandatory = $true)] [int] $TimeoutSeconds
    )
    $deadline = [datetime]::UtcNow.AddSeconds($TimeoutSeconds)
    $hasPartitions = $false
    while ($true) {
        $all = @(Get-HyperfilePartition -DiskNumber $DiskNumber)
        if ($all.Count -gt 0 -and -not $hasPartitions) {
            $hasPartitions = $true
            $deadline = [datetime]::UtcNow.AddSeconds($script:VolumeSeconds)
        }
        $fitting = @($all | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_.GptType -eq $script:SystemTypes.Gpt -or $_.MbrType -eq $script:SystemTypes.Mbr })
        $isWaiting = -not $hasPartitions
        foreach ($partition in @($fitting | Microsoft.PowerShell.Utility\Sort-Object -Property Size -Descending)) {
            $volume = Get-HyperfileVolume -Partition $partition
            if ($null -eq $volume) { $isWaiting = $true }
            elseif (Connect-HyperfileVolume -Partition $partition -Folder $Folder) { return $partition }
        }
        if (-not $isWaiting -or [datetime]::UtcNow -ge $deadline) { return }
        Microsoft.PowerShell.Utility\Start-Sleep -Milliseconds $script:PollMilliseconds
    }
}

function Get-HyperfilePartition {
    <#
    .SYNOPSIS
        The partitions of a disk; none while Windows has not found any.
    .PARAMETER DiskNumber
        Of the disk.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [uint32] $DiskNumber
    )
    Get-HyperfileFinding -Find { Storage\Get-Partition -ErrorAction Stop -DiskNumber $DiskNumber }
}

function Get-HyperfileVolume {
    <#
    .SYNOPSIS
        The volume of a partition, when Windows has found it and reads its file system.
    .PARAMETER Partition
        What Get-Partition wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Partition
    )
    $volume = Get-HyperfileFinding -Find { Storage\Get-Volume -ErrorAction Stop -Partition $Partition }
    if ($null -ne $volume -and -not [string]::IsNullOrEmpty($volume.FileSystem)) { return $volume }
}

function Connect-HyperfileVolume {
    <#
    .SYNOPSIS
        Shows a partition's volume as a folder when Windows is on it.
    .PARAMETER Partition
        What Get-Partition wrote; it has a volume.
    .PARAMETER Folder
        An empty one.
    .OUTPUTS
        System.Boolean: whether it is shown.
    #>
    [CmdletBinding()]
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [object] $Partition,
        [Parameter(Mandatory = $true)] [string] $Folder
    )
    $place = @{ DiskNumber = $Partition.DiskNumber; PartitionNumber = $Partition.PartitionNumber; AccessPath = $Folder }
    Storage\Add-PartitionAccessPath -ErrorAction Stop @place
    $system = [System.IO.Path]::Combine($Folder, 'Windows', 'System32')
    if ([System.IO.Directory]::Exists($system)) { return $true }
    Storage\Remove-PartitionAccessPath -ErrorAction Stop @place
    return $false
}

function Disconnect-HyperfileVolume {
    <#
    .SYNOPSIS
        Takes the volumes of a disk away from all folders that they are shown as.
    .PARAMETER DiskNumber
        Of the disk.
    .OUTPUTS
        System.String: the folders.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [uint32] $DiskNumber
    )
    foreach ($partition in @(Get-HyperfilePartition -DiskNumber $DiskNumber)) {
        # Besides folders: the volume's own path, which it always has, and drive letters.
        foreach ($path in @($partition.AccessPaths | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_ -and $_ -notmatch '^\\\\\?\\|^[A-Za-z]:\\$' })) {
            Storage\Remove-PartitionAccessPath -ErrorAction Stop -DiskNumber $DiskNumber -PartitionNumber $partition.PartitionNumber -AccessPath $path
            $path
        }
    }
}
