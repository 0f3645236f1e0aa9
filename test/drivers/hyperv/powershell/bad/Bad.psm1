# Breaks every rule once.
function Frobnicate-Hyperfile {
    <#
    .SYNOPSIS
        Has a verb of its own.
    .PARAMETER Gone
        Is no parameter.
    #>
    [CmdletBinding()]
    param([string] $Path)
    gci $Path
    $old = $true ? 1 : 2
    $old ??= 3
    Get-VM -Name $Path
    Hyper-V\Get-VM $Path -ErrorAction Stop
    Hyper-V\Get-VM -Nam $Path -ErrorAction Stop
    Hyper-V\Get-VMs -ErrorAction Stop
    Hyper-V\New-VM -VHDPath $Path -NewVHDPath $Path -ErrorAction Stop
    Hyper-V\Add-VMHardDiskDrive -Path $Path -ErrorAction Stop
    Hyper-V\Set-VM -Name $Path -AutomaticStartAction 'Sometimes' -ErrorAction Stop
    Hyper-V\Start-VM -Name $Path
    Invoke-Expression $Path
    & $Path
    $null = [scriptblock]::Create($Path)
    if ($_.Exception.Message -match 'not found') { exit 1 }
    if ($_.Exception.Message.Contains('not found')) { "`e[0m" }; $texts = @('not found'); $texts -contains $_.Exception.Message
    $table = Get-Date
    Storage\Set-Disk -Number 1 @table
    $shell = [powershell]::Create()
    $null = $shell.AddCommand('Hyper-V\Stop-VM').AddParameter('Powerfully', $true)
    $null = [System.MissingType]
    $settings = @{ Name = $Path; CheckpointType = 'Perhaps' }
    $settings.AutomaticStopAction = 'Sleep'
    Hyper-V\Set-VM -ErrorAction Stop @settings
}

function Get-Other { param($X) 1 && 2 }

function Get-HyperfileWrong {
    <#
    .SYNOPSIS
        Puts its calls together from parts.
    .PARAMETER Machine
        What Get-VM wrote.
    .PARAMETER Given
        A table.
    #>
    [CmdletBinding()]
    param([object] $Machine, [hashtable] $Given)
    $both = @{ VM = $Machine; Name = 'a' }
    Hyper-V\Stop-VM -ErrorAction Stop @both
    $disk = [ordered]@{ 'Path' = 'a.vhdx'; Passthru = $true }
    Hyper-V\Get-VHD -ErrorAction Stop @disk
    $some = @{ ErrorAction = 'Stop' }
    if ($Machine) { $some['VM'] = $Machine }
    Hyper-V\Start-VM @some
    Hyper-V\Start-VM -ErrorAction Stop @Given
    Hyper-V\Get-VM -ErrorAction:Stop -WhatIf
    Hyper-V\Get-VM -ErrorAction Stop -ProgressAction Ignore
    $both.Remove('VM')
    $shell = [powershell]::Create()
    $null = $shell.AddCommand('Hyper-V\Stop-VM').AddParameter('VM', $Machine)
    $null = $shell.AddParameter('Name', 'a').AddParameter('ErrorAction', 'Stop')
    $null = $shell.AddCommand('Hyper-V\Start-VM').AddParameter('VM', $Machine).AddParameter('Confirm', $false)
    if ($Machine) { $null = $shell.AddParameter('ErrorAction', 'Stop') }
    $null = $shell.AddCommand($Given.Command).AddParameter('Name', 'a')
    $null = $shell.AddCommand('Hyper-V\Get-VMHost').AddArgument('a').AddParameters($Given).AddParameter($Given.Name, 'a')
    $null = [powershell]::Create().AddParameter('Name', 'a')
    Microsoft.PowerShell.Core\Get-Command -Nam 'a' -Name 'b'
    $Given.Keys | ForEach-Object -Process { Start-Sleep -Seconds 1 }
    $Given.Keys | Microsoft.PowerShell.Utility\Sort-Object -Top 1
    $Given.Keys | Microsoft.PowerShell.Core\Sort-Object -Property 'Length'
}

function Get-HyperfileTable {
    <#
    .SYNOPSIS
        Writes other tables than it says.
    .OUTPUTS
        A table: first (and so on), second. It has no more.
    #>
    [CmdletBinding()]
    param()
    $facts = [ordered]@{ first = 1; third = @{ inner = 1 } }
    $facts.fourth = 4
    if ($facts.first) { return $facts }
    [ordered]@{ first = 1; second = @([ordered]@{ inner = 2 }) }
}

function Get-HyperfileTableOf {
    <#
    .SYNOPSIS
        Has no list and no table.
    .OUTPUTS
        For each a table: first, whatever it may be.
    #>
    [CmdletBinding()]
    param()
    return 1
}

function Start-HyperfileProgram {
    <#
    .SYNOPSIS
        Starts programs that may fail without a word.
    #>
    [CmdletBinding()]
    param()
    bcdboot.exe C:\Windows
    & 'C:\Windows\System32\bcdboot.exe' C:\Windows
    & cmd /c exit 3
    & "$env:SystemRoot\System32\bcdboot.exe" C:\Windows
    Microsoft.PowerShell.Management\Start-Process -FilePath 'bcdboot.exe' -ErrorAction Stop
    $null = [System.Diagnostics.Process]::Start('bcdboot.exe')
    $process = [Diagnostics.Process]::new()
}

$script:Prepare = { [System.Diagnostics.Process]::Start('bcdboot.exe') }
$script:GuestPrograms = [System.Diagnostics.Process]::Start('bcdboot.exe')
$script:GuestPrepare = { [System.Diagnostics.Process]::Start('bcdboot.exe') }
