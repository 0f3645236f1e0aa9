# What commands that were killed have left on the host.

function Get-HyperfileLeftover {
    <#
    .SYNOPSIS
        The machines of a store whose owners have ended.
    .DESCRIPTION
        Machines of others, of other stores and of commands that still run are not among them.
    .PARAMETER Mark
        Of the store, as New-HyperfileMachine got it.
    .PARAMETER Label
        Only the machine that New-HyperfileMachine gave this label, whether its owner has ended or not.
    .OUTPUTS
        For each a table: id, name, state, disks.
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [ValidatePattern('^[0-9A-Za-z-]{1,40}$')] [string] $Mark,
        [ValidatePattern('^[0-9a-f]{8}$')] [string] $Label
    )
    $hasLabel = $PSBoundParameters.ContainsKey('Label')
    $ending = '[0-9a-f]{8}'
    if ($hasLabel) { $ending = $Label }
    $pattern = '^hyperfile_' + [regex]::Escape($Mark) + '_([0-9]+\.[0-9]+)_' + $ending + '$'
    foreach ($machine in @(Get-HyperfileAllMachine)) {
        $found = [regex]::Match($machine.Name, $pattern)
        if (-not $found.Success) { continue }
        if (-not $hasLabel -and (Test-HyperfileOwner -Owner $found.Groups[1].Value)) { continue }
        [ordered]@{
            id = $machine.Id
            name = $machine.Name
            state = $machine.State
            disks = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM $machine | Microsoft.PowerShell.Core\ForEach-Object -Process { $_.Path })
        }
    }
}
