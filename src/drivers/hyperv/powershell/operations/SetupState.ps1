# How far a Windows has come with setting itself up: it says so in a file, which is read on a mounted disk as in a guest.

# See "Windows Setup States" in Microsoft's documentation. Takes the folder of Windows; in a guest, there is but one.
$script:ReadSetupState = {
    param([string] $Windows = $env:SystemRoot)
    $file = Microsoft.PowerShell.Management\Join-Path -Path $Windows -ChildPath 'Setup\State\State.ini'
    if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $file)) { return '' }
    $text = Microsoft.PowerShell.Management\Get-Content -LiteralPath $file -ErrorAction Stop -Raw
    [regex]::Match("$text", '\bIMAGE_STATE_\w+').Value
}

function Get-HyperfileSetupState {
    <#
    .SYNOPSIS
        How far the Windows on a mounted disk has come with setting itself up.
    .PARAMETER Windows
        Its folder.
    .OUTPUTS
        System.String: IMAGE_STATE_COMPLETE and the like, empty where it does not say.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [string] $Windows
    )
    Microsoft.PowerShell.Core\Invoke-Command -ErrorAction Stop -ScriptBlock $script:ReadSetupState -ArgumentList $Windows
}

function Get-HyperfileGuestSetupState {
    <#
    .SYNOPSIS
        How far a guest's Windows has come with setting itself up.
    .PARAMETER Session
        Of the guest.
    .OUTPUTS
        System.String: IMAGE_STATE_COMPLETE and the like, empty where it does not say.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [System.Management.Automation.Runspaces.PSSession] $Session
    )
    Microsoft.PowerShell.Core\Invoke-Command -ErrorAction Stop -Session $Session -ScriptBlock $script:ReadSetupState
}
