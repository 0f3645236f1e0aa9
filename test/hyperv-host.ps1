<#
.SYNOPSIS
    Proves Hyperfile on a real Hyper-V host, end to end, and leaves nothing behind.
.DESCRIPTION
    Builds the sample windows-web with the command in dist/ (npm run build), again from the cache, and with one line
    changed; looks at the layers with Hyper-V's own cmdlets; starts a machine from the result; seals by checkpoints, with
    files copied between commands too; restarts for an installer; copies between stages; runs commands as accounts that
    are no administrators; enters a Linux guest where a disk of one is named; interrupts a build and kills another. After
    each it looks for machines, attached disks, processes and files that should be gone.
    Prints a table of what was proven. Runs in Windows PowerShell 5.1 and in PowerShell 7, as an
    administrator: disks are mounted.
.PARAMETER BaseDisk
    A VHD or VHDX with an installation of Windows whose account the secret names. It is only read.
.PARAMETER Iso
    Instead of a disk: the medium to install Windows from.
.PARAMETER Edition
    With -Iso: the edition, by name or number.
.PARAMETER Unattend
    With -Iso: the answer file; it makes the account that the secret names.
.PARAMETER SecretFile
    A file with the guest's user name and password, a line each.
.PARAMETER Credential
    Instead of a file: the same. It is written to a file that only this account may read, for as long as this script runs.
.PARAMETER LinuxDisk
    A VHD or VHDX with a Linux that docs/hyper-v.md says can be a guest, to be built on, too. It is only read.
.PARAMETER LinuxSecret
    With -LinuxDisk: a file with the name of its account and below that its private key, or its password.
.PARAMETER Store
    An empty folder on NTFS or ReFS for the store; default: a new one among the temporary files.
.PARAMETER Command
    The command under test; default: dist/hyperfile.cjs of this checkout.
.PARAMETER DriverOption
    Passed on with --driver-opt, such as switch=NAME.
.PARAMETER StepMinutes
    How long one build may take.
.PARAMETER KeepStore
    Leave the store and the folder of the test for a look.
.PARAMETER InterruptProcess
    Used by this script itself: sends Ctrl-C to the console of a process.
.EXAMPLE
    ./test/hyperv-host.ps1 -BaseDisk D:\bases\windows.vhdx -SecretFile D:\bases\guest.txt
.OUTPUTS
    A table; exit status 0 when all of it was proven, else 1.
#>
[CmdletBinding(DefaultParameterSetName = 'Disk')]
param(
    [Parameter(Mandatory = $true, ParameterSetName = 'Disk')] [string] $BaseDisk,
    [Parameter(Mandatory = $true, ParameterSetName = 'Iso')] [string] $Iso,
    [Parameter(ParameterSetName = 'Iso')] [string] $Edition,
    [Parameter(ParameterSetName = 'Iso')] [string] $Unattend,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $SecretFile,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [pscredential] $Credential,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $LinuxDisk,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $LinuxSecret,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $Store,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $Command,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [string] $DriverOption,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [int] $StepMinutes = 60,
    [Parameter(ParameterSetName = 'Disk')] [Parameter(ParameterSetName = 'Iso')] [switch] $KeepStore,
    [Parameter(Mandatory = $true, ParameterSetName = 'Interrupt')] [int] $InterruptProcess
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$script:Claims = New-Object -TypeName 'System.Collections.Generic.List[object]'
$script:Tag = 'hyperfile-host-test'
$script:ImageName = 'hyperfile-host-test:1'
$script:OtherName = 'hyperfile-host-test:2'
$script:Interrupted = 130

# --- What is claimed, and whether it held ---

function Test-Claim {
    <#
    .SYNOPSIS
        Runs a block that throws when a claim does not hold, and notes the result; later claims are tried all the same.
    #>
    [OutputType([bool])]
    param(
        [Parameter(Mandatory = $true)] [string] $Claim,
        [Parameter(Mandatory = $true)] [scriptblock] $Proof
    )
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $problem = ''
    try { $null = . $Proof } catch { $problem = [string] $_ }
    $held = $problem -eq ''
    $script:Claims.Add([pscustomobject] @{
            Proven  = $(if ($held) { 'yes' } else { 'NO' })
            Seconds = [math]::Round($watch.Elapsed.TotalSeconds, 1)
            Claim   = $Claim
            Problem = $problem
        })
    $mark = $(if ($held) { 'proven' } else { 'FAILED' })
    [Console]::Out.WriteLine("$mark  $Claim")
    if (-not $held) { [Console]::Out.WriteLine("        $problem") }
    $held
}

function Assert-True {
    <#
    .SYNOPSIS
        Throws what is wrong unless a condition holds.
    #>
    param([Parameter(Mandatory = $true)] [bool] $Condition, [Parameter(Mandatory = $true)] [string] $Otherwise)
    if (-not $Condition) { throw $Otherwise }
}

function Assert-Same {
    <#
    .SYNOPSIS
        Throws unless two lists have the same members, in any order.
    #>
    param([string[]] $Found, [string[]] $Expected, [Parameter(Mandatory = $true)] [string] $What)
    $one = (@($Found) | Sort-Object) -join ', '
    $other = (@($Expected) | Sort-Object) -join ', '
    if ($one -ne $other) { throw "$What`: found [$one], expected [$other]" }
}

# --- The command under test ---

function Start-Hyperfile {
    <#
    .SYNOPSIS
        Starts the command with a console of its own; its output goes to files.
    .OUTPUTS
        The process, the files and the arguments.
    #>
    param([Parameter(Mandatory = $true)] [string[]] $Argument)
    $output = Join-Path -Path $script:Work -ChildPath ('out-' + [guid]::NewGuid().ToString('N'))
    $words = @($script:Program) + $Argument | ForEach-Object { '"' + $_.Replace('"', '\"') + '"' }
    $process = Start-Process -FilePath $script:Node -ArgumentList ($words -join ' ') -WorkingDirectory $script:Work -WindowStyle Hidden -PassThru -RedirectStandardOutput "$output.txt" -RedirectStandardError "$output.err"
    # Windows PowerShell forgets the exit status of a process whose handle nobody has asked for.
    $null = $process.Handle
    [pscustomobject] @{ Process = $process; Output = "$output.txt"; Errors = "$output.err"; Argument = $Argument }
}

function Wait-Hyperfile {
    <#
    .SYNOPSIS
        Waits for a command that was started.
    .OUTPUTS
        Its exit status and what it wrote.
    #>
    param([Parameter(Mandatory = $true)] $Running, [int] $Minutes = 5)
    if (-not $Running.Process.WaitForExit($Minutes * 60000)) {
        Stop-Process -Id $Running.Process.Id -Force -ErrorAction SilentlyContinue
        throw "hyperfile $($Running.Argument -join ' ') did not end within $Minutes minutes"
    }
    $Running.Process.WaitForExit()
    [pscustomobject] @{
        Status = $Running.Process.ExitCode
        Lines  = [System.IO.File]::ReadAllLines($Running.Output)
        Errors = [System.IO.File]::ReadAllText($Running.Errors)
    }
}

function Invoke-Hyperfile {
    <#
    .SYNOPSIS
        Runs the command to its end; throws what it said when it failed.
    #>
    [OutputType([string[]])]
    param([Parameter(Mandatory = $true)] [string[]] $Argument, [int] $Minutes = 5)
    $ended = Wait-Hyperfile -Running (Start-Hyperfile -Argument $Argument) -Minutes $Minutes
    if ($ended.Status -ne 0) { throw "hyperfile $($Argument[0]) ended with $($ended.Status): $($ended.Errors)" }
    $ended.Lines
}

function Get-BuildArgument {
    <#
    .SYNOPSIS
        The command line of a build of the sample, or of another recipe with the same base.
    #>
    [OutputType([string[]])]
    param(
        [switch] $NoCache,
        [switch] $Checkpoint,
        [string] $Recipe = '',
        [string] $Tag = $script:ImageName,
        [string[]] $Secret = "id=guest,src=$script:Secret",
        [string] $Folder = $script:Context
    )
    $words = @('build', '--progress', 'json', '--driver', 'hyperv', '--tag', $Tag)
    foreach ($one in $Secret) { $words += @('--secret', $one) }
    if ($script:Options -ne '') { $words += @('--driver-opt', $script:Options) }
    if ($Checkpoint) { $words += @('--driver-opt', 'seal=checkpoint') }
    if ($Recipe -ne '') { $words += @('--file', $Recipe) }
    if ($NoCache) { $words += '--no-cache' }
    $words + $Folder
}

function Invoke-Build {
    <#
    .SYNOPSIS
        Builds.
    .OUTPUTS
        The last event of the build: its steps, how many were cached, the image.
    #>
    param([string[]] $Argument = (Get-BuildArgument))
    $events = Invoke-Hyperfile -Argument $Argument -Minutes $script:BuildMinutes |
        Where-Object { $_.StartsWith('{') } | ForEach-Object { ConvertFrom-Json -InputObject $_ }
    @($events | Where-Object { $_.type -eq 'build-end' })[0]
}

function Invoke-Recipe {
    <#
    .SYNOPSIS
        Builds a recipe of its own, throws unless that ends well, and forgets the image.
    #>
    param(
        [Parameter(Mandatory = $true)] [string[]] $Line,
        [string[]] $Secret = "id=guest,src=$script:Secret",
        [string] $Folder = $script:Context,
        [switch] $Checkpoint
    )
    $recipe = Join-Path -Path $script:Work -ChildPath 'Steps.Hyperfile'
    [System.IO.File]::WriteAllLines($recipe, $Line)
    try {
        $built = Invoke-Build -Argument (Get-BuildArgument -Recipe $recipe -Tag $script:OtherName -Secret $Secret -Folder $Folder -Checkpoint:$Checkpoint)
        Assert-True -Condition ($built.status -eq 'done') -Otherwise "the build ended as $($built.status)"
        $null = Invoke-Hyperfile -Argument 'rmi', $script:OtherName
    } finally {
        # It may hold the password of an account that was made for the test.
        Remove-Item -LiteralPath $recipe -Force
    }
}

function Get-ImageLayer {
    <#
    .SYNOPSIS
        The layers of the image, leaf first, as `inspect` tells them.
    #>
    $text = (Invoke-Hyperfile -Argument 'inspect', $script:ImageName) -join "`n"
    # Windows PowerShell gives a list as one object.
    @(ConvertFrom-Json -InputObject $text | ForEach-Object { $_ })[0].layers
}

# --- What is on the host ---

function Get-RealPath {
    <#
    .SYNOPSIS
        A folder as the file system spells it: what Hyperfile takes for it, and Windows says of disks and volumes.
    #>
    [OutputType([string])]
    param([Parameter(Mandatory = $true)] [string] $Path)
    $info = [System.Diagnostics.ProcessStartInfo]::new($script:Node, '-p fs.realpathSync.native(process.env.FOLDER)')
    $info.UseShellExecute = $false
    $info.RedirectStandardOutput = $true
    $info.StandardOutputEncoding = [System.Text.Encoding]::UTF8
    $info.EnvironmentVariables['FOLDER'] = $Path
    $running = [System.Diagnostics.Process]::Start($info)
    try {
        $running.StandardOutput.ReadToEnd().Trim()
        $running.WaitForExit()
        if ($running.ExitCode -ne 0) { throw "$Path is not found" }
    } finally {
        $running.Dispose()
    }
}

function Get-StoreMark {
    <#
    .SYNOPSIS
        What the names of a store's machines hold: the first 16 digits of the SHA-256 of its path.
    #>
    [OutputType([string])]
    param([Parameter(Mandatory = $true)] [string] $Path)
    $hash = [System.Security.Cryptography.SHA256]::Create()
    try {
        $digest = $hash.ComputeHash([System.Text.Encoding]::UTF8.GetBytes($Path))
        [System.BitConverter]::ToString($digest).Replace('-', '').ToLowerInvariant().Substring(0, 16)
    } finally {
        $hash.Dispose()
    }
}

function Get-OwnMachine {
    <#
    .SYNOPSIS
        The machines that bear the store's mark, and those of this script.
    #>
    Hyper-V\Get-VM -ErrorAction Stop | Where-Object { $_.Name.Contains($script:Mark) -or $_.Name.StartsWith($script:Tag) }
}

function Get-DiskInStore {
    <#
    .SYNOPSIS
        The disk files below a folder.
    #>
    param([string] $Folder)
    if ($Folder -eq '' -or -not (Test-Path -LiteralPath $Folder)) { return }
    Get-ChildItem -LiteralPath $Folder -Recurse -Force | Where-Object { $_.Extension -in '.vhdx', '.avhdx', '.vhd' }
}

function Get-OwnProcess {
    <#
    .SYNOPSIS
        Processes of a command on this store that still run, but for this script's own.
    #>
    CimCmdlets\Get-CimInstance -ClassName Win32_Process -ErrorAction Stop |
        Where-Object { $script:Program -ne '' -and $_.ProcessId -ne $PID -and $null -ne $_.CommandLine -and $_.CommandLine.Contains($script:Program) }
}

function Assert-NothingLeft {
    <#
    .SYNOPSIS
        Throws what a command has left on the host.
    #>
    Assert-Same -Found @(Hyper-V\Get-VM -ErrorAction Stop | ForEach-Object Id) -Expected $script:MachinesBefore -What 'machines'
    Assert-True -Condition (@(Get-OwnMachine).Count -eq 0) -Otherwise 'a machine of the store is left'
    $attached = foreach ($disk in Get-DiskInStore -Folder $script:StoreFolder) {
        if ((Hyper-V\Get-VHD -Path $disk.FullName -ErrorAction Stop).Attached) { $disk.FullName }
    }
    Assert-True -Condition ($null -eq $attached) -Otherwise "attached: $($attached -join ', ')"
    $run = Join-Path -Path $script:StoreFolder -ChildPath 'run'
    $sessions = @(Get-ChildItem -LiteralPath $run -ErrorAction SilentlyContinue | ForEach-Object Name)
    Assert-True -Condition ($sessions.Count -eq 0) -Otherwise "sessions: $($sessions -join ', ')"
    $paths = @(Storage\Get-Partition -ErrorAction Stop | ForEach-Object AccessPaths | Where-Object { $null -ne $_ -and $_.StartsWith($script:StoreFolder) })
    Assert-True -Condition ($paths.Count -eq 0) -Otherwise "mounted: $($paths -join ', ')"
    $unfinished = @(Get-ChildItem -LiteralPath $script:StoreFolder -Recurse -Force | Where-Object { $_.Name.StartsWith('.unfinished-') -or $_.Extension -eq '.avhdx' } | ForEach-Object FullName)
    Assert-True -Condition ($unfinished.Count -eq 0) -Otherwise "files: $($unfinished -join ', ')"
    $processes = @(Get-OwnProcess | ForEach-Object ProcessId)
    Assert-True -Condition ($processes.Count -eq 0) -Otherwise "processes: $($processes -join ', ')"
}

function Wait-NothingLeft {
    <#
    .SYNOPSIS
        The same after checkpoints: what Hyper-V still merges is gone after a later command.
    #>
    $deadline = [datetime]::UtcNow.AddMinutes(10)
    while ($true) {
        $null = Invoke-Hyperfile -Argument 'images'
        try { Assert-NothingLeft; return } catch { if ([datetime]::UtcNow -gt $deadline) { throw } }
        Start-Sleep -Seconds 5
    }
}

function Wait-OwnMachine {
    <#
    .SYNOPSIS
        Waits until a build has a running machine.
    #>
    param([Parameter(Mandatory = $true)] $Running)
    $deadline = [datetime]::UtcNow.AddMinutes(10)
    while ([datetime]::UtcNow -lt $deadline -and -not $Running.Process.HasExited) {
        if (@(Get-OwnMachine | Where-Object { $_.State -eq 'Running' }).Count -gt 0) { return }
        Start-Sleep -Milliseconds 200
    }
    throw 'the build started no machine'
}

function Send-Interrupt {
    <#
    .SYNOPSIS
        Sends Ctrl-C to a process that has a console of its own, through a copy of this script: whoever sends it must
        leave his own console first.
    #>
    param([Parameter(Mandatory = $true)] [int] $ProcessId)
    $shell = (Get-Process -Id $PID).Path
    $sender = Start-Process -FilePath $shell -ArgumentList "-NoProfile -ExecutionPolicy Bypass -File `"$PSCommandPath`" -InterruptProcess $ProcessId" -WindowStyle Hidden -PassThru -Wait
    Assert-True -Condition ($sender.ExitCode -eq 0) -Otherwise 'Ctrl-C could not be sent'
}

function Invoke-Interrupt {
    <#
    .SYNOPSIS
        Leaves this console for another one and presses Ctrl-C there.
    #>
    param([Parameter(Mandatory = $true)] [int] $ProcessId)
    $members = @'
[DllImport("kernel32.dll", SetLastError = true)] public static extern bool FreeConsole();
[DllImport("kernel32.dll", SetLastError = true)] public static extern bool AttachConsole(uint processId);
[DllImport("kernel32.dll", SetLastError = true)] public static extern bool SetConsoleCtrlHandler(System.IntPtr handler, bool add);
[DllImport("kernel32.dll", SetLastError = true)] public static extern bool GenerateConsoleCtrlEvent(uint kind, uint group);
'@
    $native = Add-Type -Namespace 'HyperfileTest' -Name 'NativeConsole' -MemberDefinition $members -PassThru
    $null = $native::FreeConsole()
    if (-not $native::AttachConsole($ProcessId)) { return $false }
    $null = $native::SetConsoleCtrlHandler([System.IntPtr]::Zero, $true)
    $native::GenerateConsoleCtrlEvent(0, 0)
}

function Read-MachineFile {
    <#
    .SYNOPSIS
        Starts a machine from a disk, waits until Windows answers, and reads a file there. The machine is removed.
    #>
    [OutputType([string])]
    param([Parameter(Mandatory = $true)] [string] $DiskPath, [Parameter(Mandatory = $true)] [string] $File)
    $machine = Hyper-V\New-VM -Name "$script:Tag-$([guid]::NewGuid().ToString('N').Substring(0, 8))" -Generation 2 -MemoryStartupBytes 2GB -VHDPath $DiskPath -Path $script:Work -ErrorAction Stop
    try {
        # Not on Windows Server 2016.
        if ((Get-Command -Name 'Hyper-V\Set-VM').Parameters.ContainsKey('AutomaticCheckpointsEnabled')) {
            Hyper-V\Set-VM -VM $machine -AutomaticCheckpointsEnabled $false -ErrorAction Stop
        }
        Hyper-V\Start-VM -VM $machine -ErrorAction Stop
        $deadline = [datetime]::UtcNow.AddMinutes(10)
        while ($true) {
            try {
                $session = New-PSSession -VMId $machine.Id -Credential $script:GuestCredential -ErrorAction Stop
                break
            } catch {
                if ([datetime]::UtcNow -gt $deadline) { throw }
                Start-Sleep -Seconds 2
            }
        }
        try {
            Invoke-Command -Session $session -ErrorAction Stop -ArgumentList $File -ScriptBlock {
                param($Path)
                (Get-Content -LiteralPath $Path) -join "`n"
            }
        } finally {
            Remove-PSSession -Session $session
        }
    } finally {
        Hyper-V\Stop-VM -VM $machine -TurnOff -Force -ErrorAction SilentlyContinue
        Hyper-V\Remove-VM -VM $machine -Force -ErrorAction Stop
    }
}

# --- The proofs ---

function Test-Build {
    <#
    .SYNOPSIS
        Builds, builds again, changes a line.
    #>
    Test-Claim -Claim 'doctor finds nothing that prevents a build' -Proof {
        Invoke-Hyperfile -Argument 'doctor'
    }
    $isBuilt = Test-Claim -Claim 'the sample builds' -Proof {
        $script:First = Invoke-Build
        Assert-True -Condition ($script:First.status -eq 'done') -Otherwise "the build ended as $($script:First.status)"
        $script:FirstLayers = @(Get-ImageLayer)
    }
    Test-Claim -Claim 'the build left nothing on the host' -Proof { Assert-NothingLeft }
    if (-not $isBuilt) { return }
    Test-Claim -Claim 'a second build takes every step from the cache' -Proof {
        $second = Invoke-Build
        Assert-True -Condition ($second.cachedSteps -eq $second.totalSteps) -Otherwise "$($second.cachedSteps) of $($second.totalSteps) steps were cached"
        Assert-True -Condition ($second.image.id -eq $script:First.image.id) -Otherwise 'the image is another'
    }
    Test-Claim -Claim 'after a line was changed, only what stands on it is built anew' -Proof {
        Add-Content -LiteralPath (Join-Path -Path $script:Context -ChildPath 'site\index.html') -Value '<p>Changed by the host test.</p>'
        $changed = Invoke-Build
        $layers = @(Get-ImageLayer)
        Assert-True -Condition ($layers[-1].id -eq $script:FirstLayers[-1].id) -Otherwise 'the base is another'
        Assert-True -Condition ($layers[0].id -ne $script:FirstLayers[0].id) -Otherwise 'the last layer is the old one'
        Assert-True -Condition ($changed.cachedSteps -lt $changed.totalSteps) -Otherwise 'everything was cached'
    }
}

function Test-Step {
    <#
    .SYNOPSIS
        Builds what the sample has not: layers of a guest that goes on, and steps of other kinds.
    #>
    Test-Claim -Claim 'a build that is sealed by checkpoints ends, and nothing of them is left after the next command' -Proof {
        $sealed = Invoke-Build -Argument (Get-BuildArgument -NoCache -Checkpoint -Tag $script:OtherName)
        Assert-True -Condition ($sealed.status -eq 'done') -Otherwise "the build ended as $($sealed.status)"
        Wait-NothingLeft
    }
    Test-Claim -Claim 'files that are copied between two commands are in a build that is sealed by checkpoints' -Proof {
        Invoke-Recipe -Checkpoint -Line @(
            '# escape=`'
            $script:From
            'RUN echo one> C:\one.txt'
            'COPY site/index.html C:\two.html'
            'RUN type C:\one.txt && type C:\two.html'
        )
        Wait-NothingLeft
    }
    Test-Claim -Claim 'a restart that an installer asks for, a command without network, and files of another stage work' -Proof {
        Invoke-Recipe -Line @(
            '# escape=`'
            "$script:From AS maker"
            'RUN echo made> C:\made.txt && exit 3010'
            'RUN --network=none ping -n 1 8.8.8.8 || echo none> C:\network.txt'
            $script:From
            'COPY --from=maker C:/made.txt C:/network.txt C:\in\'
            'RUN type C:\in\made.txt && type C:\in\network.txt'
        )
        Assert-NothingLeft
    }
}

function Test-Account {
    <#
    .SYNOPSIS
        Runs commands as accounts that are no administrators: which of them get in is for Windows to say.
    #>
    Test-Claim -Claim 'an account that is no administrator gets in and runs commands' -Proof {
        Invoke-AccountRecipe -Name 'hfplain'
    }
    Test-Claim -Claim 'an account of Remote Management Users gets in and runs commands' -Proof {
        # By its identifier: its name is in the language of the guest.
        Invoke-AccountRecipe -Name 'hfremote' -Member 'RUN powershell -NoProfile -Command "Add-LocalGroupMember -SID S-1-5-32-580 -Member hfremote -ErrorAction Stop"'
    }
}

function Invoke-AccountRecipe {
    <#
    .SYNOPSIS
        Makes an account in a guest and runs commands as it. Its password is new and is in no file afterwards.
    #>
    param([Parameter(Mandatory = $true)] [string] $Name, [string] $Member = '')
    # No more than 14 characters: net asks about longer ones.
    $password = 'Hf1-' + [guid]::NewGuid().ToString('N').Substring(0, 10)
    $file = Join-Path -Path $script:Work -ChildPath "$Name.txt"
    [System.IO.File]::WriteAllLines($file, [string[]] @($Name, $password))
    try {
        Invoke-Recipe -Secret "id=guest,src=$script:Secret", "id=guest.$Name,src=$file" -Line (@(
                $script:From
                "RUN net user $Name $password /add"
                $Member
                "USER $Name"
                "RUN whoami | findstr /I /E $Name"
                'RUN whoami /groups | findstr S-1-5-32-544 && exit 1 || exit 0'
            ) | Where-Object { $_ -ne '' })
        Assert-NothingLeft
    } finally {
        Remove-Item -LiteralPath $file -Force
    }
}

function Test-Linux {
    <#
    .SYNOPSIS
        Runs commands in a Linux guest and copies files there, over SSH.
    #>
    if (-not $LinuxDisk) { return }
    Test-Claim -Claim 'commands and files reach a Linux guest' -Proof {
        $folder = Join-Path -Path $script:Work -ChildPath 'linux'
        $null = New-Item -ItemType Directory -Path $folder
        $disk = Add-SourceDisk -Source $LinuxDisk -Folder $folder -Name 'linux'
        [System.IO.File]::WriteAllText((Join-Path -Path $folder -ChildPath 'copied.txt'), "copied`n")
        Invoke-Recipe -Folder $folder -Secret "id=guest,src=$((Get-Item -LiteralPath $LinuxSecret).FullName)" -Line @(
            "FROM ./$disk"
            'RUN echo made > /made.txt'
            'COPY copied.txt /in/'
            'RUN grep -qx made /made.txt && grep -qx copied /in/copied.txt'
        )
        Assert-NothingLeft
    }
}

function Test-Layer {
    <#
    .SYNOPSIS
        Looks at the layers as Hyper-V does, and starts a machine from them.
    #>
    $script:Layers = @()
    Test-Claim -Claim 'every layer passes disk check' -Proof {
        $script:Layers = @(Get-ImageLayer)
        Invoke-Hyperfile -Argument 'disk', 'check', $script:Layers[0].path
    }
    Test-Claim -Claim 'Test-VHD takes the chain, and every parent is the layer below' -Proof {
        for ($i = 0; $i -lt $script:Layers.Count; $i++) {
            Assert-True -Condition (Hyper-V\Test-VHD -Path $script:Layers[$i].path -ErrorAction Stop) -Otherwise "Test-VHD refuses $($script:Layers[$i].path)"
            $parent = (Hyper-V\Get-VHD -Path $script:Layers[$i].path -ErrorAction Stop).ParentPath
            $expected = $(if ($i + 1 -lt $script:Layers.Count) { $script:Layers[$i + 1].path } else { '' })
            Assert-True -Condition ("$parent" -eq $expected) -Otherwise "the parent of layer $i is '$parent', not '$expected'"
        }
    }
    Test-Claim -Claim 'no file of the store is sparse or compressed' -Proof {
        $unusable = [System.IO.FileAttributes]::SparseFile -bor [System.IO.FileAttributes]::Compressed
        $wrong = @(Get-DiskInStore -Folder $script:StoreFolder | Where-Object { $_.Attributes -band $unusable } | ForEach-Object FullName)
        Assert-True -Condition ($wrong.Count -eq 0) -Otherwise "sparse or compressed: $($wrong -join ', ')"
    }
    Test-Claim -Claim 'a machine starts from a difference on the image, and has what the build made' -Proof {
        $child = Join-Path -Path $script:Work -ChildPath 'machine.vhdx'
        $null = Hyper-V\New-VHD -Path $child -ParentPath $script:Layers[0].path -Differencing -ErrorAction Stop
        try {
            $text = Read-MachineFile -DiskPath $child -File 'C:\logs\first.html'
            Assert-True -Condition ($text.Contains('Changed by the host test.')) -Otherwise "the file holds: $text"
        } finally {
            Remove-Item -LiteralPath $child -Force
        }
    }
    Test-Claim -Claim 'a disk of ours on another drive than its parent is taken by Hyper-V' -Proof {
        $own = Join-Path -Path $script:Work -ChildPath 'child.vhdx'
        $null = Invoke-Hyperfile -Argument 'disk', 'create', $own, '--parent', $script:Layers[0].path
        Assert-True -Condition (Hyper-V\Test-VHD -Path $own -ErrorAction Stop) -Otherwise 'Test-VHD refuses it'
        Remove-Item -LiteralPath $own -Force
    }
}

function Test-End {
    <#
    .SYNOPSIS
        Ends builds in the middle: with Ctrl-C, and outright.
    #>
    Test-Claim -Claim 'Ctrl-C ends a build with 130, and nothing is left' -Proof {
        $running = Start-Hyperfile -Argument (Get-BuildArgument -NoCache)
        Wait-OwnMachine -Running $running
        Send-Interrupt -ProcessId $running.Process.Id
        $ended = Wait-Hyperfile -Running $running -Minutes 10
        Assert-True -Condition ($ended.Status -eq $script:Interrupted) -Otherwise "it ended with $($ended.Status): $($ended.Errors)"
        Assert-NothingLeft
    }
    Test-Claim -Claim 'what a killed build leaves is gone after the next one' -Proof {
        $running = Start-Hyperfile -Argument (Get-BuildArgument -NoCache)
        Wait-OwnMachine -Running $running
        Stop-Process -Id $running.Process.Id -Force
        $running.Process.WaitForExit()
        $null = Invoke-Build
        Assert-NothingLeft
    }
    Test-Claim -Claim 'a prune of everything empties the store' -Proof {
        $null = Invoke-Hyperfile -Argument 'rmi', $script:ImageName
        $null = Invoke-Hyperfile -Argument 'prune', '--all'
        $left = @(Get-DiskInStore -Folder $script:StoreFolder | ForEach-Object FullName)
        Assert-True -Condition ($left.Count -eq 0) -Otherwise "left: $($left -join ', ')"
    }
}

# --- Before and after ---

function Initialize-Work {
    <#
    .SYNOPSIS
        Makes the folders, the secret and the build context.
    #>
    $root = Split-Path -Path $PSScriptRoot -Parent
    $script:Work = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath ($script:Tag + '-' + [guid]::NewGuid().ToString('N').Substring(0, 8))
    $null = New-Item -ItemType Directory -Path $script:Work
    $folder = $(if ($Store) { $Store } else { Join-Path -Path $script:Work -ChildPath 'store' })
    $script:IsOwnStore = -not (Test-Path -LiteralPath $folder)
    if (-not $script:IsOwnStore -and @(Get-ChildItem -LiteralPath $folder -Force).Count -gt 0) { throw "$folder is not empty" }
    $null = New-Item -ItemType Directory -Path $folder -Force
    $script:Node = (Get-Command -Name 'node' -CommandType Application -ErrorAction Stop)[0].Path
    # The folder for temporary files may be spelled in short names (ADMINI~1), which nobody else does.
    $script:Work = Get-RealPath -Path $script:Work
    # Only now: what is in a folder that was not empty is not removed.
    $script:StoreFolder = Get-RealPath -Path $folder
    $env:HYPERFILE_STORE = $script:StoreFolder
    $script:Mark = Get-StoreMark -Path $script:StoreFolder
    $script:Program = $(if ($Command) { $Command } else { Join-Path -Path $root -ChildPath 'dist\hyperfile.cjs' })
    if (-not (Test-Path -LiteralPath $script:Program)) { throw "$script:Program is not there: run npm run build" }
    $script:Options = "$DriverOption"
    $script:BuildMinutes = $StepMinutes
    $script:MachinesBefore = @(Hyper-V\Get-VM -ErrorAction Stop | ForEach-Object Id)
    if ($LinuxDisk -and -not $LinuxSecret) { throw 'say -LinuxSecret: how the Linux guest is entered' }
    Initialize-Secret
    Initialize-Context -Sample (Join-Path -Path $root -ChildPath 'samples\windows-web')
}

function Initialize-Secret {
    <#
    .SYNOPSIS
        Finds out how guests are entered, for the command and for this script.
    #>
    if ($SecretFile) {
        $script:Secret = (Get-Item -LiteralPath $SecretFile).FullName
        $lines = [System.IO.File]::ReadAllLines($script:Secret)
        $password = New-Object -TypeName 'System.Security.SecureString'
        foreach ($character in $lines[1].ToCharArray()) { $password.AppendChar($character) }
        $script:GuestCredential = New-Object -TypeName 'System.Management.Automation.PSCredential' -ArgumentList $lines[0], $password
        return
    }
    if ($null -eq $Credential) { throw 'say -SecretFile or -Credential: how guests are entered' }
    # Among the temporary files of this account, which others cannot read.
    $script:Secret = Join-Path -Path $script:Work -ChildPath 'guest.txt'
    $plain = $Credential.GetNetworkCredential()
    [System.IO.File]::WriteAllLines($script:Secret, [string[]] @($Credential.UserName, $plain.Password))
    $script:GuestCredential = $Credential
}

function Initialize-Context {
    <#
    .SYNOPSIS
        Copies the sample and puts its disk, or the medium, beside the recipe.
    #>
    param([Parameter(Mandatory = $true)] [string] $Sample)
    $script:Context = Join-Path -Path $script:Work -ChildPath 'context'
    Copy-Item -LiteralPath $Sample -Destination $script:Context -Recurse
    $recipe = Join-Path -Path $script:Context -ChildPath 'Hyperfile'
    $text = [System.IO.File]::ReadAllText($recipe)
    $source = $(if ($Iso) { $Iso } else { $BaseDisk })
    $name = Add-SourceDisk -Source $source -Folder $script:Context -Name 'windows'
    $flags = ''
    if ($Edition) { $flags += "--edition=`"$Edition`" " }
    if ($Unattend) {
        Copy-Item -LiteralPath $Unattend -Destination (Join-Path -Path $script:Context -ChildPath 'unattend.xml')
        $flags += '--unattend=unattend.xml '
    }
    Assert-True -Condition ($text.Contains('FROM ./windows.vhdx')) -Otherwise 'the sample does not begin with its disk'
    $script:From = "FROM $flags./$name"
    [System.IO.File]::WriteAllText($recipe, $text.Replace('FROM ./windows.vhdx', $script:From))
}

function Add-SourceDisk {
    <#
    .SYNOPSIS
        Puts a disk, or a medium, into a build context.
    .OUTPUTS
        The name of its file there.
    #>
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [string] $Source,
        [Parameter(Mandatory = $true)] [string] $Folder,
        [Parameter(Mandatory = $true)] [string] $Name
    )
    $file = $Name + [System.IO.Path]::GetExtension($Source).ToLowerInvariant()
    $target = Join-Path -Path $Folder -ChildPath $file
    try {
        $null = New-Item -ItemType HardLink -Path $target -Target (Get-Item -LiteralPath $Source).FullName
    } catch {
        # On another drive.
        Copy-Item -LiteralPath $Source -Destination $target
    }
    $file
}

function Clear-Work {
    <#
    .SYNOPSIS
        Removes all that this script and the commands it ran may have left, whatever went wrong.
    #>
    $steps = @(
        { foreach ($process in Get-OwnProcess) { Stop-Process -Id $process.ProcessId -Force } },
        {
            foreach ($machine in Get-OwnMachine) {
                Hyper-V\Stop-VM -VM $machine -TurnOff -Force -ErrorAction SilentlyContinue
                Hyper-V\Remove-VM -VM $machine -Force -ErrorAction Stop
            }
        },
        {
            foreach ($disk in @($script:StoreFolder, $script:Work) | ForEach-Object { Get-DiskInStore -Folder $_ }) {
                Hyper-V\Dismount-VHD -Path $disk.FullName -ErrorAction SilentlyContinue
            }
        },
        { Remove-WorkFile }
    )
    $problems = foreach ($step in $steps) {
        try { $null = . $step } catch { [string] $_ }
    }
    if ($null -ne $problems) { throw ($problems -join '; ') }
}

function Remove-WorkFile {
    <#
    .SYNOPSIS
        Removes the folders of the test; with -KeepStore only the password.
    #>
    Remove-Item -LiteralPath 'Env:\HYPERFILE_STORE' -ErrorAction SilentlyContinue
    if ($KeepStore) {
        [Console]::Out.WriteLine("kept: $script:StoreFolder and $script:Work")
        if ($null -ne $Credential) { Remove-Item -LiteralPath $script:Secret -Force }
        return
    }
    if ($script:StoreFolder -ne '' -and (Test-Path -LiteralPath $script:StoreFolder)) {
        Get-ChildItem -LiteralPath $script:StoreFolder -Force | Remove-Item -Recurse -Force
        if ($script:IsOwnStore) { Remove-Item -LiteralPath $script:StoreFolder -Force }
    }
    Remove-Item -LiteralPath $script:Work -Recurse -Force
}

function Write-Account {
    <#
    .SYNOPSIS
        Prints what was proven and what was not.
    .OUTPUTS
        Whether all of it was.
    #>
    [OutputType([bool])]
    param()
    [Console]::Out.WriteLine('')
    [Console]::Out.WriteLine(('{0,-7} {1,8}  {2}' -f 'PROVEN', 'SECONDS', 'CLAIM'))
    foreach ($claim in $script:Claims) {
        [Console]::Out.WriteLine(('{0,-7} {1,8}  {2}' -f $claim.Proven, $claim.Seconds, $claim.Claim))
        if ($claim.Problem -ne '') { [Console]::Out.WriteLine((' ' * 18) + $claim.Problem) }
    }
    $failed = @($script:Claims | Where-Object { $_.Proven -ne 'yes' })
    [Console]::Out.WriteLine("$($script:Claims.Count - $failed.Count) proven, $($failed.Count) failed, PowerShell $($PSVersionTable.PSVersion)")
    $script:Claims.Count -gt 0 -and $failed.Count -eq 0
}

if ($PSCmdlet.ParameterSetName -eq 'Interrupt') {
    $isSent = Invoke-Interrupt -ProcessId $InterruptProcess
    exit $(if ($isSent) { 0 } else { 1 })
}

$script:Work = $script:StoreFolder = $script:Program = ''
$script:Mark = $script:Tag
$script:IsOwnStore = $false
$isReady = Test-Claim -Claim 'the host has what the test needs' -Proof { Initialize-Work }
try {
    if ($isReady) {
        $null = Test-Build
        if (@($script:Claims | Where-Object { $_.Claim -eq 'the sample builds' -and $_.Proven -eq 'yes' }).Count -gt 0) {
            $null = Test-Layer
            $null = Test-Step
            $null = Test-Account
            $null = Test-Linux
            $null = Test-End
        }
    }
} finally {
    if ($script:Work -ne '') { $null = Test-Claim -Claim 'nothing of the test is left' -Proof { Clear-Work } }
    $isProven = Write-Account
}
exit $(if ($isProven) { 0 } else { 1 })
