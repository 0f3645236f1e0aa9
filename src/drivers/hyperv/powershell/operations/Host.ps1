# The host: what it has and what it lacks.

function Get-HyperfileHost {
    <#
    .SYNOPSIS
        Says what Hyperfile needs to know of this host before it builds.
    .DESCRIPTION
        Never fails for what is missing: that is what is asked. What cannot be found out is null.
    .PARAMETER Store
        The folder of the store's disks; its nearest parent that exists is looked at.
    .OUTPUTS
        A table: system (Windows' version), edition, moduleVersion, isAdministrator, isHyperVAdministrator, failure (identifier, category and
        message of the first cmdlet that failed), machineVersion, processors, memoryBytes, switches, store.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Store
    )
    $facts = [ordered]@{
        system = [System.Environment]::OSVersion.Version
        edition = $PSVersionTable.PSEdition
        moduleVersion = $null
        isAdministrator = Test-HyperfileRole -Sid 'S-1-5-32-544'
        isHyperVAdministrator = Test-HyperfileRole -Sid 'S-1-5-32-578'
        failure = $null
        machineVersion = $null
        processors = $null
        memoryBytes = $null
        switches = @()
        store = Get-HyperfileStore -Path $Store
    }
    try {
        $vmHost = Hyper-V\Get-VMHost -ErrorAction Stop
        $facts.processors = $vmHost.LogicalProcessorCount
        $facts.memoryBytes = $vmHost.MemoryCapacity
        $facts.moduleVersion = (Microsoft.PowerShell.Core\Get-Module -Name 'Hyper-V').Version
        # The last ones of all are previews.
        $facts.machineVersion = (Hyper-V\Get-VMHostSupportedVersion -ErrorAction Stop -Default).Version
        $facts.switches = @(Hyper-V\Get-VMSwitch -ErrorAction Stop | Microsoft.PowerShell.Core\ForEach-Object -Process {
                [ordered]@{ id = $_.Id; name = $_.Name; type = $_.SwitchType }
            })
    }
    catch {
        $facts.failure = [ordered]@{
            id = $_.FullyQualifiedErrorId
            category = $_.CategoryInfo.Category
            message = $_.Exception.Message
        }
    }
    return $facts
}

function Test-HyperfileRole {
    <#
    .SYNOPSIS
        Whether this process has the rights of a group; null where there are no such groups.
    .PARAMETER Sid
        The group's security identifier: names are in the language of the host.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Sid
    )
    if ([System.Environment]::OSVersion.Platform -ne [System.PlatformID]::Win32NT) { return $null }
    $principal = [System.Security.Principal.WindowsPrincipal]::new([System.Security.Principal.WindowsIdentity]::GetCurrent())
    return $principal.IsInRole([System.Security.Principal.SecurityIdentifier]::new($Sid))
}

function Get-HyperfileStore {
    <#
    .SYNOPSIS
        The file system that a folder lies on, and what Hyper-V minds about the folder.
    .PARAMETER Path
        Of the folder; it need not exist.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $folder = [System.IO.DirectoryInfo]::new($Path)
    while (-not $folder.Exists -and $null -ne $folder.Parent) { $folder = $folder.Parent }
    $facts = [ordered]@{
        folder = $folder.FullName
        fileSystem = $null
        freeBytes = $null
        # New files get the attributes of their folder.
        isCompressed = ($folder.Attributes -band [System.IO.FileAttributes]::Compressed) -ne 0
        isEncrypted = ($folder.Attributes -band [System.IO.FileAttributes]::Encrypted) -ne 0
        unusableFiles = @(Get-HyperfileUnusableFile -Path $folder.FullName)
        machinesMayRead = Test-HyperfileMachineAccess -Path $folder.FullName
    }
    # A share has no drive.
    if (-not $folder.FullName.StartsWith('\\')) {
        $drive = [System.IO.DriveInfo]::new($folder.Root.FullName)
        $facts.fileSystem = $drive.DriveFormat
        $facts.freeBytes = $drive.AvailableFreeSpace
    }
    return $facts
}

function Test-HyperfileMachineAccess {
    <#
    .SYNOPSIS
        Whether the group of all virtual machines may read what lies in a folder; null where there is no such group.
    .DESCRIPTION
        Hyper-V lets a machine read the disk that it is given. What that disk builds on, the machine reads with what rights
        it has itself.
    .PARAMETER Path
        Of the folder.
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    if ([System.Environment]::OSVersion.Platform -ne [System.PlatformID]::Win32NT) { return $null }
    try {
        $security = [System.Security.AccessControl.DirectorySecurity]::new($Path, [System.Security.AccessControl.AccessControlSections]::Access)
    }
    catch {
        return $null
    }
    $read = [System.Security.AccessControl.FileSystemRights]::ReadData
    foreach ($rule in $security.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
        # NT VIRTUAL MACHINE\Virtual Machines, Everyone
        $isMeant = $rule.IdentityReference.Value -in 'S-1-5-83-0', 'S-1-1-0'
        if ($isMeant -and $rule.AccessControlType -eq 'Allow' -and ($rule.FileSystemRights -band $read) -ne 0) { return $true }
    }
    return $false
}

function Get-HyperfileUnusableFile {
    <#
    .SYNOPSIS
        The disks in a folder that Hyper-V would refuse: it opens none that are compressed, encrypted or sparse.
    .PARAMETER Path
        Of the folder.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [string] $Path
    )
    $refused = [System.IO.FileAttributes] 'Compressed, Encrypted, SparseFile'
    foreach ($file in [System.IO.DirectoryInfo]::new($Path).GetFiles('*.vhdx')) {
        if (($file.Attributes -band $refused) -ne 0) { $file.FullName }
    }
}
