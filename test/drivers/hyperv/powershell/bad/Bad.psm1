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
    if ($_.Exception.Message.Contains('not found')) { "`e[0m" }
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
