# Windows from its installation media: its image is written onto a new disk, without starting anything.

# What a partition has while it is formatted, and what it has in the end: Windows formats no EFI system partition that
# has its type already.
$script:EfiSystemType = '{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}'
$script:ImageNames = 'install.wim', 'install.esd', 'install.swm'

function Mount-HyperfileMedium {
    <#
    .SYNOPSIS
        Mounts a medium that installs Windows, and says what is on it.
    .DESCRIPTION
        When there is no Windows on it, or anything else fails, it is not mounted any more, unless it was before.
    .PARAMETER Path
        Of the ISO file.
    .OUTPUTS
        A table: wasMounted (by somebody else), imagePath, splitPattern (null: the image is one file), editions (what
        Get-HyperfileEdition writes).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $wasMounted = (Storage\Get-DiskImage -ErrorAction Stop -ImagePath $Path -StorageType 'ISO').Attached
    try {
        if (-not $wasMounted) { $null = Storage\Mount-DiskImage -ErrorAction Stop -ImagePath $Path -StorageType 'ISO' -Access 'ReadOnly' }
        $sources = [System.IO.Path]::Combine((Get-HyperfileMediumRoot -Path $Path), 'sources')
        $images = @($script:ImageNames | Microsoft.PowerShell.Core\ForEach-Object -Process { [System.IO.Path]::Combine($sources, $_) } | Microsoft.PowerShell.Core\Where-Object -FilterScript { [System.IO.File]::Exists($_) })
        if ($images.Count -eq 0) {
            throw (Get-HyperfileFault -Code 'INSTALL_MEDIUM' -Target $Path -Message "it has none of sources\$($script:ImageNames -join ', ')")
        }
        $image = $images[0]
        $pattern = $null
        if ([System.IO.Path]::GetExtension($image) -eq '.swm') { $pattern = [System.IO.Path]::Combine($sources, 'install*.swm') }
        return [ordered]@{
            wasMounted = $wasMounted
            imagePath = $image
            splitPattern = $pattern
            editions = @(Get-HyperfileEdition -ImagePath $image)
        }
    }
    catch {
        if (-not $wasMounted) { Dismount-HyperfileMedium -Path $Path }
        throw
    }
}

function Dismount-HyperfileMedium {
    <#
    .SYNOPSIS
        Dismounts a medium; does nothing when it is not mounted, or gone.
    .PARAMETER Path
        Of the ISO file.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    if (-not [System.IO.File]::Exists($Path)) { return }
    if (-not (Storage\Get-DiskImage -ErrorAction Stop -ImagePath $Path -StorageType 'ISO').Attached) { return }
    $null = Storage\Dismount-DiskImage -ErrorAction Stop -ImagePath $Path -StorageType 'ISO'
}

function Get-HyperfileMediumRoot {
    <#
    .SYNOPSIS
        Where the files of a mounted medium are.
    .DESCRIPTION
        Its drive letter; where Windows gave it none, the path of its volume.
    .PARAMETER Path
        Of the ISO file.
    .OUTPUTS
        System.String
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $volume = Wait-HyperfileFinding -TimeoutSeconds 30 -Find {
        Storage\Get-Volume -ErrorAction Stop -DiskImage (Storage\Get-DiskImage -ErrorAction Stop -ImagePath $Path -StorageType 'ISO')
    }
    if ($null -eq $volume) {
        throw (Get-HyperfileFault -Code 'INSTALL_MEDIUM' -Target $Path -Message 'Windows finds no file system on it')
    }
    if ("$($volume.DriveLetter)" -match '^[A-Za-z]$') { return "$($volume.DriveLetter):\" }
    return $volume.Path
}

function Get-HyperfileEdition {
    <#
    .SYNOPSIS
        The editions of Windows in an image file.
    .PARAMETER ImagePath
        Of the file; of a split one, its first part.
    .OUTPUTS
        For each a table: index, name, sizeBytes.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $ImagePath
    )
    try {
        $images = @(Dism\Get-WindowsImage -ErrorAction Stop -ImagePath $ImagePath)
    }
    catch {
        throw (Get-HyperfileFault -Code 'INSTALL_IMAGE' -Target $ImagePath -Message $_.Exception.Message -Cause $_.Exception)
    }
    foreach ($image in $images) {
        [ordered]@{ index = $image.ImageIndex; name = $image.ImageName; sizeBytes = $image.ImageSize }
    }
}

function Test-HyperfileUnattend {
    <#
    .SYNOPSIS
        Fails when a file is no answer file of Windows' setup.
    .PARAMETER Path
        Of the file.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $document = [System.Xml.XmlDocument]::new()
    # Nothing is fetched for it.
    $document.XmlResolver = $null
    try {
        $document.Load($Path)
    }
    catch [System.Xml.XmlException] {
        throw (Get-HyperfileFault -Code 'INSTALL_UNATTEND' -Target $Path -Message $_.Exception.Message)
    }
    $root = $document.DocumentElement
    if ($root.LocalName -cne 'unattend' -or $root.NamespaceURI -cne 'urn:schemas-microsoft-com:unattend') {
        throw (Get-HyperfileFault -Code 'INSTALL_UNATTEND' -Target $Path -Message "its root is not <unattend xmlns=`"urn:schemas-microsoft-com:unattend`">")
    }
}

function Install-HyperfileWindows {
    <#
    .SYNOPSIS
        Formats the partitions of a new disk and writes Windows onto it.
    .DESCRIPTION
        The disk is not mounted any more when this ends, however it ends.
    .PARAMETER DiskPath
        Of the disk: with a partition table, its partitions are empty and have the type of basic data.
    .PARAMETER EfiOffset
        Where the partition begins that becomes the EFI system partition, in bytes.
    .PARAMETER SystemOffset
        Where the partition begins that is for Windows, in bytes.
    .PARAMETER Folder
        Where that one appears meanwhile: an empty folder on NTFS, made when it is missing.
    .PARAMETER ImagePath
        Of the image file; of a split one, its first part.
    .PARAMETER SplitPattern
        Of all parts, when it is split.
    .PARAMETER Index
        Of the edition in the image file.
    .PARAMETER Unattend
        An answer file for the first start.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $DiskPath,
        [Parameter(Mandatory = $true)] [uint64] $EfiOffset,
        [Parameter(Mandatory = $true)] [uint64] $SystemOffset,
        [Parameter(Mandatory = $true)] [string] $Folder,
        [Parameter(Mandatory = $true)] [string] $ImagePath,
        [string] $SplitPattern,
        [Parameter(Mandatory = $true)] [uint32] $Index,
        [string] $Unattend
    )
    $null = [System.IO.Directory]::CreateDirectory($Folder)
    try {
        Hyper-V\Mount-VHD -ErrorAction Stop -Path $DiskPath -NoDriveLetter
        $number = Get-HyperfileDiskNumber -Path $DiskPath
        Enable-HyperfileDisk -Number $number
        $efi = Format-HyperfilePartition -DiskNumber $number -Offset $EfiOffset -FileSystem 'FAT32' -Label 'System'
        $system = Format-HyperfilePartition -DiskNumber $number -Offset $SystemOffset -FileSystem 'NTFS' -Label 'Windows'
        Storage\Add-PartitionAccessPath -ErrorAction Stop -DiskNumber $number -PartitionNumber $system.PartitionNumber -AccessPath $Folder
        # The links in an image are made to point to where it is written: that must be the root of a drive and no folder.
        $windowsLetter = Add-HyperfileDriveLetter -Partition $system
        $efiLetter = Add-HyperfileDriveLetter -Partition $efi
        $image = @{ ImagePath = $ImagePath; Index = $Index; ApplyPath = "${windowsLetter}:\" }
        if ($SplitPattern) { $image.SplitImageFilePattern = $SplitPattern }
        try {
            $null = Dism\Expand-WindowsImage -ErrorAction Stop @image
        }
        catch {
            throw (Get-HyperfileFault -Code 'INSTALL_IMAGE' -Target $ImagePath -Message $_.Exception.Message -Cause $_.Exception)
        }
        if ($Unattend) {
            $panther = [System.IO.Path]::Combine($Folder, 'Windows', 'Panther')
            $null = [System.IO.Directory]::CreateDirectory($panther)
            [System.IO.File]::Copy($Unattend, [System.IO.Path]::Combine($panther, 'unattend.xml'), $true)
        }
        Install-HyperfileBootLoader -Folder $Folder -WindowsLetter $windowsLetter -EfiLetter $efiLetter
        Remove-HyperfileDriveLetter -Partition $system
        Remove-HyperfileDriveLetter -Partition $efi
        Storage\Set-Partition -ErrorAction Stop -DiskNumber $number -PartitionNumber $efi.PartitionNumber -GptType $script:EfiSystemType
    }
    finally {
        Dismount-HyperfileDisk -Path $DiskPath -IsOurs
        Remove-HyperfileMountPoint -Folder $Folder
    }
}

function Format-HyperfilePartition {
    <#
    .SYNOPSIS
        Formats an empty partition of a mounted disk.
    .PARAMETER DiskNumber
        Of the disk.
    .PARAMETER Offset
        Where the partition begins, in bytes.
    .PARAMETER FileSystem
        FAT32 or NTFS.
    .PARAMETER Label
        Name of the volume.
    .OUTPUTS
        What Get-Partition wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [uint32] $DiskNumber,
        [Parameter(Mandatory = $true)] [uint64] $Offset,
        [Parameter(Mandatory = $true)] [ValidateSet('FAT32', 'NTFS')] [string] $FileSystem,
        [Parameter(Mandatory = $true)] [string] $Label
    )
    $partition = Wait-HyperfileFinding -TimeoutSeconds 60 -Find {
        Storage\Get-Partition -ErrorAction Stop -DiskNumber $DiskNumber | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_.Offset -eq $Offset }
    }
    $volume = $null
    if ($null -ne $partition) {
        $volume = Wait-HyperfileFinding -TimeoutSeconds 60 -Find { Storage\Get-Volume -ErrorAction Stop -Partition $partition }
    }
    if ($null -eq $volume) {
        throw (Get-HyperfileFault -Code 'INSTALL_DISK' -Target "disk $DiskNumber" -Message "Windows does not find the partition at byte $Offset")
    }
    $null = Storage\Format-Volume -ErrorAction Stop -Partition $partition -FileSystem $FileSystem -NewFileSystemLabel $Label -Force -Confirm:$false
    return $partition
}

function Install-HyperfileBootLoader {
    <#
    .SYNOPSIS
        Puts Windows' boot loader onto the EFI system partition, with the program that Windows brings for that.
    .DESCRIPTION
        It knows volumes by drive letters. That of Windows becomes the partition where the loader looks for it.
    .PARAMETER Folder
        What Windows' volume is shown as.
    .PARAMETER WindowsLetter
        Its drive letter.
    .PARAMETER EfiLetter
        That of the EFI system partition, which is formatted.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Folder,
        [Parameter(Mandatory = $true)] [char] $WindowsLetter,
        [Parameter(Mandatory = $true)] [char] $EfiLetter
    )
    $program = [System.IO.Path]::Combine($Folder, 'Windows', 'System32', 'bcdboot.exe')
    # With /s nothing is written into the firmware of this computer.
    $result = Invoke-HyperfileProgram -Path $program -Arguments "${WindowsLetter}:\Windows /s ${EfiLetter}: /f UEFI"
    if ($result.status -ne 0) {
        throw (Get-HyperfileFault -Code 'INSTALL_BOOT' -Target $program -Message "bcdboot ended with status $($result.status): $($result.output)")
    }
}

function Add-HyperfileDriveLetter {
    <#
    .SYNOPSIS
        Gives a volume a drive letter.
    .PARAMETER Partition
        What Get-Partition wrote.
    .OUTPUTS
        System.Char
    #>
    [CmdletBinding()]
    [OutputType([char])]
    param(
        [Parameter(Mandatory = $true)] [object] $Partition
    )
    $place = @{ DiskNumber = $Partition.DiskNumber; PartitionNumber = $Partition.PartitionNumber }
    Storage\Add-PartitionAccessPath -ErrorAction Stop -DiskNumber $place.DiskNumber -PartitionNumber $place.PartitionNumber -AssignDriveLetter
    $letter = Wait-HyperfileFinding -TimeoutSeconds 30 -Find {
        (Storage\Get-Partition -ErrorAction Stop @place).DriveLetter | Microsoft.PowerShell.Core\Where-Object -FilterScript { "$_" -match '^[A-Za-z]$' }
    }
    if ($null -eq $letter) {
        throw (Get-HyperfileFault -Code 'INSTALL_DISK' -Target "disk $($place.DiskNumber)" -Message 'Windows gives its volumes no drive letters; perhaps none is free')
    }
    return $letter
}

function Remove-HyperfileDriveLetter {
    <#
    .SYNOPSIS
        Takes a volume's drive letter away, when it has one.
    .PARAMETER Partition
        What Get-Partition wrote.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [object] $Partition
    )
    $place = @{ DiskNumber = $Partition.DiskNumber; PartitionNumber = $Partition.PartitionNumber }
    $letter = (Storage\Get-Partition -ErrorAction Stop @place).DriveLetter
    if ("$letter" -notmatch '^[A-Za-z]$') { return }
    Storage\Remove-PartitionAccessPath -ErrorAction Stop -DiskNumber $place.DiskNumber -PartitionNumber $place.PartitionNumber -AccessPath "${letter}:\"
}

function Invoke-HyperfileProgram {
    <#
    .SYNOPSIS
        Runs a program and waits for it.
    .PARAMETER Path
        Of the program.
    .PARAMETER Arguments
        Its command line without its name.
    .OUTPUTS
        A table: status, output (both of its streams, on one line).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [Parameter(Mandatory = $true)] [string] $Arguments
    )
    $start = [System.Diagnostics.ProcessStartInfo]::new($Path, $Arguments)
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    try {
        $process = [System.Diagnostics.Process]::Start($start)
    }
    catch [System.ComponentModel.Win32Exception] {
        return [ordered]@{ status = $_.Exception.NativeErrorCode; output = $_.Exception.Message }
    }
    try {
        $errors = $process.StandardError.ReadToEndAsync()
        $output = $process.StandardOutput.ReadToEnd() + $errors.Result
        $process.WaitForExit()
        return [ordered]@{ status = $process.ExitCode; output = ($output -replace '\s+', ' ').Trim() }
    }
    finally {
        $process.Dispose()
    }
}
