# Functions that the tests of the session call.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Get-Echo {
    [CmdletBinding()]
    param([object] $Value)
    [ordered]@{ value = $Value }
}

# What parameters of a type get.
function Get-Bound {
    [CmdletBinding()]
    param([string] $Text, [string[]] $Texts, [long] $Number, [switch] $Flag, [securestring] $Secret)
    $plain = $null
    if ($Secret) { $plain = [System.Net.NetworkCredential]::new('', $Secret).Password }
    [ordered]@{ text = $Text; texts = $Texts; number = $Number; flag = $Flag; secret = $plain }
}

# What programs find that are started now.
function Get-EnvironmentName { [CmdletBinding()] param() @{ names = @([System.Environment]::GetEnvironmentVariables().Keys) } }

function Get-Several { [CmdletBinding()] param([int] $Count) for ($i = 0; $i -lt $Count; $i++) { @{ number = $i } } }

function Get-Kind {
    [CmdletBinding()]
    param()
    [ordered]@{
        date = [datetime]::new(2026, 1, 2, 3, 4, 5, [System.DateTimeKind]::Utc)
        offset = [System.DateTimeOffset]::new(2026, 1, 2, 3, 4, 5, [timespan]::FromHours(9))
        span = [timespan]::FromMilliseconds(1500)
        state = [System.DayOfWeek]::Friday
        flags = [System.IO.FileAttributes] 'Hidden, System'
        guid = [guid] '6c09bb55-d683-4da0-8931-c9bf705f6480'
        version = [version] '10.0.26100'
        uri = [uri] 'https://example.com/a?b'
        letter = [char] 'x'
        bytes = [byte[]] (1, 2, 255)
        custom = [pscustomobject] @{ b = 1; a = @(1) }
        empty = @()
        one = @('single')
        table = @{}
        nothing = $null
        nested = @(, @(, @()))
        wide = [uint64]::MaxValue
        deep = [long]::MinValue
        byte = [byte] 7
        money = [decimal] '1.10'
        single = [float] 0.5
        list = [System.Collections.Generic.List[string]] @('a', 'b')
    }
}

function Get-Live { [CmdletBinding()] param() [System.Diagnostics.Process]::GetCurrentProcess() }

function Write-All {
    [CmdletBinding()]
    param([string] $Text)
    Write-Verbose -Message "verbose $Text"
    Write-Warning -Message "warning $Text"
    Write-Information -MessageData "information $Text"
    Write-Host -Object "host $Text"
    Write-Progress -Activity 'work' -Status $Text -PercentComplete 30
    # Long enough for the session to look.
    Start-Sleep -Milliseconds 100
    Write-Progress -Activity 'work' -Status $Text -Completed
    'output'
}

# Says something, and goes on when it was heard.
function Wait-Heard {
    [CmdletBinding()]
    param([string] $Marker)
    Write-Progress -Activity 'work' -Status 'first' -PercentComplete 10
    'first'
    while (-not [System.IO.File]::Exists($Marker)) { Start-Sleep -Milliseconds 20 }
    'second'
}

# Prints past PowerShell, as programs and careless .NET code do.
function Write-Noise {
    [CmdletBinding()]
    param([string] $Text)
    [Console]::Out.Write($Text)
    [Console]::Error.Write($Text)
    'answer'
}

function Invoke-Failure { [CmdletBinding()] param([string] $Kind)
    if ($Kind -eq 'cmdlet') { Get-Item -LiteralPath "/nowhere/[x]" }
    if ($Kind -eq 'quiet') { Write-Error -Message 'goes on' -ErrorId 'Quiet' -Category ResourceBusy -TargetObject 'disk' -ErrorAction Continue; 'went on' }
    if ($Kind -eq 'throw') { throw 'thrown' }
    if ($Kind -eq 'net') { [System.IO.File]::ReadAllText('/nowhere/file') }
    if ($Kind -eq 'strict') { $undefined }
    if ($Kind -eq 'missing') { Nowhere\Get-Nothing }
    if ($Kind -eq 'prompt') { Read-Host -Prompt 'name' }
    if ($Kind -eq 'choice') { $PSCmdlet.ShouldContinue('really', 'sure') }
    if ($Kind -eq 'own') {
        $record = [System.Management.Automation.ErrorRecord]::new([System.Exception]::new('taken'), 'HYPERV_IN_USE', 'ResourceBusy', 'C:\disk.vhdx')
        $PSCmdlet.ThrowTerminatingError($record)
    }
    if ($Kind -eq 'full') {
        # HResults are set by .NET where they happen.
        throw [System.IO.IOException]::new('full', [int] 0x80070070)
    }
}

function Wait-Long { [CmdletBinding()] param([string] $Marker) [System.IO.File]::WriteAllText($Marker, "$PID"); Start-Sleep -Seconds 600; 'woke' }

# Starts a program that starts another, and waits for it.
function Invoke-Program { [CmdletBinding()] param([string] $Node, [string] $Marker) & $Node --no-warnings "$PSScriptRoot/program.ts" wait $Marker }

# What our modules run programs with, which they keep to themselves.
function Get-ProgramResult { [CmdletBinding()] param([string] $Path, [string] $Arguments)
    $run = { param($Path, $Arguments) Invoke-HyperfileProgram -Path $Path -Arguments $Arguments }
    & (Get-Module -Name Hyperfile.HyperV) $run $Path $Arguments
}

function Invoke-Text { [CmdletBinding()] param([string] $Text) & ([scriptblock]::Create($Text)) }

function Stop-Session { [CmdletBinding()] param([int] $Code) [Console]::Error.WriteLine('last words'); [System.Environment]::Exit($Code) }

# Ends the session the first time, and answers the second.
function Get-AfterCrash { [CmdletBinding()] param([string] $Marker)
    if (-not [System.IO.File]::Exists($Marker)) { [System.IO.File]::WriteAllText($Marker, ''); [System.Environment]::Exit(9) }
    'answer'
}

function Set-Trap { [CmdletBinding()] param() $global:ErrorActionPreference = 'SilentlyContinue'; $global:trapped = 1; Set-Location -LiteralPath / }

function Set-CodePage { [CmdletBinding()] param([int] $Page) [Console]::OutputEncoding = [System.Text.Encoding]::GetEncoding($Page) }

# A program that goes on printing while answers are written.
function Start-Printer { [CmdletBinding()] param([string] $Node)
    $start = @{ FileName = $Node; Arguments = "--no-warnings ""$PSScriptRoot/program.ts"" print"; UseShellExecute = $false }
    $script:printer = [System.Diagnostics.Process]::Start([System.Diagnostics.ProcessStartInfo] $start)
}
function Stop-Printer { [CmdletBinding()] param() $script:printer.Kill() }

function Get-SessionFact { [CmdletBinding()] param()
    [ordered]@{
        modulePath = $env:PSModulePath
        output = $OutputEncoding.WebName
        preference = "$ErrorActionPreference"
        processId = $PID
    }
}

Export-ModuleMember -Function *-*
