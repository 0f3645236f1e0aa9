# What Hyperfile does on a Hyper-V host, one function an operation, for Windows PowerShell 5.1 and PowerShell 7 alike.
# Functions take and write plain values, keep nothing between calls but open sessions of guests (which any call opens again
# when they are missing), and fail with errors whose identifiers are codes of Hyperfile where it has one. They can be tried by hand: Import-Module .\Hyperfile.HyperV.psd1; Get-Command -Module Hyperfile.HyperV

Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0
# Functions of other script modules, as Storage's are, do not see this: each call says it itself.
$ErrorActionPreference = 'Stop'
# Streams are for Hyperfile to show or not, whatever this user's profile says.
$ProgressPreference = 'Continue'
$WarningPreference = 'Continue'
$ConfirmPreference = 'None'

. "$PSScriptRoot/operations/Fault.ps1"
. "$PSScriptRoot/operations/Owner.ps1"
. "$PSScriptRoot/operations/Host.ps1"
. "$PSScriptRoot/operations/SetupState.ps1"
. "$PSScriptRoot/operations/Disk.ps1"
. "$PSScriptRoot/operations/Machine.ps1"
. "$PSScriptRoot/operations/Checkpoint.ps1"
. "$PSScriptRoot/operations/GuestCommand.ps1"
. "$PSScriptRoot/operations/Guest.ps1"
. "$PSScriptRoot/operations/Leftover.ps1"
. "$PSScriptRoot/operations/Install.ps1"

Microsoft.PowerShell.Core\Export-ModuleMember -Function @(
    'Get-HyperfileHost'
    'Mount-HyperfileDisk'
    'Get-HyperfileDiskSystem'
    'Dismount-HyperfileDisk'
    'New-HyperfileMachine'
    'Get-HyperfileMachine'
    'Wait-HyperfileMachine'
    'Stop-HyperfileMachine'
    'Set-HyperfileMachineDisk'
    'Remove-HyperfileMachine'
    'Checkpoint-HyperfileMachine'
    'Connect-HyperfileGuest'
    'Invoke-HyperfileGuestCommand'
    'Disconnect-HyperfileGuest'
    'Get-HyperfileLeftover'
    'Mount-HyperfileMedium'
    'Dismount-HyperfileMedium'
    'Test-HyperfileUnattend'
    'Install-HyperfileWindows'
)
