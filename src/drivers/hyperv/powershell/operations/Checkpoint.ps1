# Checkpoints: the disk of a machine as it is at a moment, while the machine goes on.

function Checkpoint-HyperfileMachine {
    <#
    .SYNOPSIS
        Freezes what a running machine has written so far; from then on it writes to a new difference.
    .DESCRIPTION
        With the help of the guest, which brings its file systems in order for that moment, or not at all. When the machine
        is removed, Hyper-V merges the differences into the frozen file: it may be copied, but never kept.
    .PARAMETER Id
        Of the machine.
    .OUTPUTS
        A table: frozen, leaf (the paths of both files).
    #>
    [CmdletBinding()]
    [OutputType([System.Collections.Specialized.OrderedDictionary])]
    param(
        [Parameter(Mandatory = $true)] [guid] $Id
    )
    $machine = Hyper-V\Get-VM -ErrorAction Stop -Id $Id
    $frozen = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM $machine)[0].Path
    # Our machines have them switched off, so that nobody else makes one.
    Hyper-V\Set-VM -ErrorAction Stop -VM $machine -CheckpointType ProductionOnly
    Hyper-V\Checkpoint-VM -ErrorAction Stop -VM $machine -SnapshotName 'Hyperfile'
    return [ordered]@{
        frozen = $frozen
        leaf = @(Hyper-V\Get-VMHardDiskDrive -ErrorAction Stop -VM (Hyper-V\Get-VM -ErrorAction Stop -Id $Id))[0].Path
    }
}
