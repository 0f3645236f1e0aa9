# What runs in a Windows guest, in its Windows PowerShell 5.1, as the remote half of Invoke-HyperfileGuestCommand. It needs
# nothing of this module, and everything that differs from call to call is a parameter.

$script:GuestCommand = {
    param([string] $Program, [string] $Arguments, [string] $WorkFolder, [string[]] $Environment, [string] $InputText)

    Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'

    $waitMilliseconds = 200
    # How often nothing may come from a program that has ended, while something that it has left behind holds its streams.
    $idleWaits = 5
    $longestLineBytes = 65536

    $start = [System.Diagnostics.ProcessStartInfo]::new()
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true

    # Variables of the system and of the account as they are now: a program before this one may have set some, which this
    # session has not heard of. Names do not differ in case.
    $variables = $start.EnvironmentVariables
    $stored = @(
        [System.Environment]::GetEnvironmentVariables([System.EnvironmentVariableTarget]::Machine)
        [System.Environment]::GetEnvironmentVariables([System.EnvironmentVariableTarget]::User)
    )
    $pairs = [System.Collections.Generic.List[string]]::new()
    $paths = @()
    foreach ($table in $stored) {
        foreach ($name in $table.Keys) {
            if ($name -eq 'Path') { $paths += $table[$name] }
            # The system's own of these are for services.
            elseif ($name -notin 'USERNAME', 'TEMP', 'TMP') { $pairs.Add($name + '=' + $table[$name]) }
        }
    }
    if ($paths) { $pairs.Add('Path=' + ($paths -join ';')) }
    if ($Environment) { $pairs.AddRange($Environment) }
    $searched = ''
    foreach ($pair in $pairs) {
        $name = $pair.Substring(0, $pair.IndexOf('='))
        foreach ($known in @($variables.Keys)) { if ($name -eq $known) { $variables.Remove($known) } }
        $variables[$name] = $pair.Substring($name.Length + 1)
    }
    foreach ($known in @($variables.Keys)) { if ($known -eq 'Path') { $searched = $variables[$known] } }

    try {
        if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $WorkFolder -PathType Container)) {
            $null = Microsoft.PowerShell.Management\New-Item -Path $WorkFolder -ItemType Directory -Force
        }
        $start.WorkingDirectory = (Microsoft.PowerShell.Management\Resolve-Path -LiteralPath $WorkFolder).ProviderPath
    }
    # The account may have no right to it. ERROR_ACCESS_DENIED.
    catch { return "35 $($_.Exception.Message)" }

    # Windows would look on the PATH of this session, not on the program's.
    $start.FileName = $Program
    $start.Arguments = $Arguments
    $places = @($Program)
    if ($Program.IndexOfAny([char[]] '\/') -lt 0) {
        $places = @($searched.Split([System.IO.Path]::PathSeparator) | Microsoft.PowerShell.Core\Where-Object -FilterScript { $_ } | Microsoft.PowerShell.Core\ForEach-Object -Process { $_.Trim('"') + '\' + $Program })
    }
    elseif ($Program -notmatch '^([A-Za-z]:|[\\/])') { $places = @($WorkFolder + '\' + $Program) }
    $endings = @('.exe')
    if ($Program -match '\.[^\\/.]*$') { $endings = @('', '.exe') }
    $found = $places | Microsoft.PowerShell.Core\ForEach-Object -Process { foreach ($ending in $endings) { $_ + $ending } } |
        Microsoft.PowerShell.Core\Where-Object -FilterScript { Microsoft.PowerShell.Management\Test-Path -ErrorAction Ignore -LiteralPath $_ -PathType Leaf } |
        Microsoft.PowerShell.Core\ForEach-Object -Process { (Microsoft.PowerShell.Management\Resolve-Path -LiteralPath $_).ProviderPath }
    if ($found) { $start.FileName = @($found)[0] }

    # What a program writes is UTF-8 where it can be read as such, and else in the code page of Windows' consoles.
    $strict = [System.Text.UTF8Encoding]::new($false, $true)
    $codePage = [System.Globalization.CultureInfo]::CurrentCulture.TextInfo.OEMCodePage
    try { $codePage = [int] [Microsoft.Win32.Registry]::GetValue('HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\CodePage', 'OEMCP', $codePage) }
    catch { $null = $_ } # Not a Windows: the culture's own will do.
    $console = [System.Text.Encoding]::GetEncoding($codePage)
    # Or else .NET Framework may begin what it writes to a program with a byte order mark.
    try { [System.Console]::InputEncoding = [System.Text.UTF8Encoding]::new($false) }
    catch { $null = $_ } # There is no console.

    try { $process = [System.Diagnostics.Process]::Start($start) }
    catch {
        $cause = $_.Exception.GetBaseException()
        $number = 0
        if ($cause -is [System.ComponentModel.Win32Exception]) { $number = $cause.NativeErrorCode }
        return "3$number $($cause.Message)"
    }
    try {
        $inputBytes = [System.Text.UTF8Encoding]::new($false).GetBytes($InputText)
        $writing = $process.StandardInput.BaseStream.WriteAsync($inputBytes, 0, $inputBytes.Length)
        $open = [System.Collections.Generic.List[hashtable]]::new()
        foreach ($one in @(@('1', $process.StandardOutput.BaseStream), @('2', $process.StandardError.BaseStream))) {
            $buffer = [byte[]]::new(32768)
            $open.Add(@{ Mark = $one[0]; Stream = $one[1]; Buffer = $buffer; Reading = $one[1].ReadAsync($buffer, 0, $buffer.Length); Pending = [System.IO.MemoryStream]::new() })
        }
        $idle = 0
        # Never waits for long in one place, so that it can be stopped.
        while (($open.Count -gt 0 -or $null -ne $writing -or -not $process.HasExited) -and $idle -lt $idleWaits) {
            $tasks = [System.Collections.Generic.List[System.Threading.Tasks.Task]]::new()
            foreach ($stream in $open) { $tasks.Add($stream.Reading) }
            if ($null -ne $writing) { $tasks.Add($writing) }
            if ($tasks.Count -eq 0) {
                $null = $process.WaitForExit($waitMilliseconds)
                continue
            }
            $index = [System.Threading.Tasks.Task]::WaitAny($tasks.ToArray(), $waitMilliseconds)
            if ($index -lt 0) {
                if ($process.HasExited) { $idle++ }
                continue
            }
            if ($index -ge $open.Count) {
                $writing = $null
                # A program need not read what it is given.
                try { $process.StandardInput.Close() } catch { $null = $_ }
                continue
            }
            $idle = 0
            $stream = $open[$index]
            $count = 0
            if ($stream.Reading.Status -eq 'RanToCompletion') { $count = $stream.Reading.Result }
            $stream.Pending.Write($stream.Buffer, 0, $count)
            $bytes = $stream.Pending.ToArray()
            $length = $bytes.Length
            if ($count -gt 0) {
                $stream.Reading = $stream.Stream.ReadAsync($stream.Buffer, 0, $stream.Buffer.Length)
                $length = [System.Array]::LastIndexOf($bytes, [byte] 10) + 1
                if ($length -eq 0 -and $bytes.Length -ge $longestLineBytes) { $length = $bytes.Length }
            }
            else { $open.RemoveAt($index) }
            if ($length -eq 0) { continue }
            $stream.Pending.SetLength(0)
            $stream.Pending.Write($bytes, $length, $bytes.Length - $length)
            try { $text = $strict.GetString($bytes, 0, $length) }
            catch {
                # Not all of it: line by line, because programs differ in what they write.
                $text = ''
                for ($from = 0; $from -lt $length; $from = $to) {
                    $to = [System.Array]::IndexOf($bytes, [byte] 10, $from, $length - $from) + 1
                    if ($to -eq 0) { $to = $length }
                    try { $text += $strict.GetString($bytes, $from, $to - $from) }
                    catch { $text += $console.GetString($bytes, $from, $to - $from) }
                }
            }
            $stream.Mark + $text
        }
        # What was left in the middle of a line.
        foreach ($stream in $open) { if ($stream.Pending.Length -gt 0) { $stream.Mark + $console.GetString($stream.Pending.ToArray()) } }
        "0$($process.ExitCode)"
    }
    finally {
        # When this is stopped, or the way to it has ended.
        if (-not $process.HasExited) {
            $end = [System.Diagnostics.ProcessStartInfo]::new()
            $end.FileName = 'taskkill.exe'
            $end.Arguments = "/PID $($process.Id) /T /F"
            $end.UseShellExecute = $false
            $end.CreateNoWindow = $true
            [System.Diagnostics.Process]::Start($end).WaitForExit()
        }
        $process.Dispose()
    }
}
