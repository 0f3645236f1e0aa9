# Errors of our own.

function Get-HyperfileFault {
    <#
    .SYNOPSIS
        An error record for `throw` that Hyperfile shows as one of its own errors.
    .PARAMETER Code
        An error code of Hyperfile.
    .PARAMETER Message
        What happened, as a sentence.
    .PARAMETER Target
        What it happened to.
    .PARAMETER Cause
        The exception that was behind it: its code goes along.
    .OUTPUTS
        System.Management.Automation.ErrorRecord
    #>
    [CmdletBinding()]
    [OutputType([System.Management.Automation.ErrorRecord])]
    param(
        [Parameter(Mandatory = $true)] [string] $Code,
        [Parameter(Mandatory = $true)] [string] $Message,
        [Parameter(Mandatory = $true)] [string] $Target,
        [System.Exception] $Cause
    )
    $exception = [System.InvalidOperationException]::new($Message, $Cause)
    return [System.Management.Automation.ErrorRecord]::new($exception, $Code, 'InvalidResult', $Target)
}
