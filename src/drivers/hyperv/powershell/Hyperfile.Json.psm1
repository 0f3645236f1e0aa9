# JSON as it crosses between Hyperfile and its PowerShell session. ConvertTo-Json and ConvertFrom-Json will not do: they
# cut at a depth, turn texts into dates, take the elements out of arrays of one, know no two keys that differ in case,
# and Windows PowerShell 5.1 and PowerShell 7 each do so in their own way. Here a value arrives as it was sent, or the
# conversion fails.
#
# Calls of functions are what costs time in PowerShell, so there is one for each value that is written and none for what
# is read but for rare texts and numbers.

Microsoft.PowerShell.Core\Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$script:MaximumDepth = 100
$script:Invariant = [System.Globalization.CultureInfo]::InvariantCulture
# The four groups: punctuation, text, number, word.
$script:Token = [regex] '\G[ \t\r\n]*(?:([{}\[\]:,])|("[^"\\\x00-\x1F]*(?:\\.[^"\\\x00-\x1F]*)*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))'
$script:Words = @{ 'true' = $true; 'false' = $false; 'null' = $null }
# Halves of surrogate pairs too: UTF-8 has no bytes for one that stands alone.
$script:Unsafe = [regex] '["\\\x00-\x1F\x7F\uD800-\uDFFF]'

function ConvertTo-HyperfileJson {
    <#
    .SYNOPSIS
        Writes a value as JSON.
    .DESCRIPTION
        Takes null, texts, numbers, booleans, arrays and other collections, dictionaries and custom objects, to any depth
        of 100. Enumerations become their names, dates ISO 8601 in universal time, time spans seconds, byte arrays base64,
        GUIDs, versions and addresses their text. Objects of other classes are refused: whoever returns one has to say
        which of its properties are meant.
    .PARAMETER Value
        What to write; an array is one value.
    .OUTPUTS
        System.String
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)]
        [AllowNull()]
        [AllowEmptyString()]
        [AllowEmptyCollection()]
        [object] $Value
    )
    $json = [System.Text.StringBuilder]::new()
    Add-HyperfileJsonValue -Json $json -Value $Value -Depth 0
    return $json.ToString()
}

function Add-HyperfileJsonValue {
    <#
    .SYNOPSIS
        Appends a value to JSON that is being written.
    .PARAMETER Json
        The text so far.
    .PARAMETER Value
        What to append.
    .PARAMETER Depth
        How many arrays and objects are open.
    #>
    [CmdletBinding()]
    param([System.Text.StringBuilder] $Json, [object] $Value, [int] $Depth)
    if ($Value -is [string]) {
        $text = $Value
        if ($script:Unsafe.IsMatch($text)) { $text = ConvertTo-HyperfileJsonText -Text $text }
        $null = $Json.Append('"').Append($text).Append('"')
    }
    elseif ($null -eq $Value) { $null = $Json.Append('null') }
    elseif ($Value -is [bool] -or $Value -is [switch]) { $null = $Json.Append(('false', 'true')[[int] [bool] $Value]) }
    elseif ($Value -is [int] -or $Value -is [long]) { $null = $Json.Append($Value.ToString($script:Invariant)) }
    elseif ($Depth -gt $script:MaximumDepth) { throw (Get-HyperfileJsonFault -What 'it is nested too deep, or contains itself') }
    elseif ($Value -is [System.Collections.IDictionary] -or $Value -is [System.Management.Automation.PSCustomObject]) {
        $pairs = $Value
        if ($Value -is [System.Management.Automation.PSCustomObject]) { $pairs = $Value.psobject.Properties | Microsoft.PowerShell.Core\ForEach-Object -Process { @{ $_.Name = $_.Value } } }
        $between = '{'
        foreach ($table in $pairs) {
            foreach ($pair in $table.GetEnumerator()) {
                $null = $Json.Append($between)
                $between = ','
                Add-HyperfileJsonValue -Json $Json -Value ([string] $pair.Key) -Depth $Depth
                $null = $Json.Append(':')
                Add-HyperfileJsonValue -Json $Json -Value $pair.Value -Depth ($Depth + 1)
            }
        }
        $null = $Json.Append(('}', '{}')[[int] ($between -eq '{')])
    }
    elseif ($Value -is [System.Collections.IEnumerable] -and $Value -isnot [byte[]] -and $Value -isnot [uri]) {
        $between = '['
        foreach ($item in $Value) {
            $null = $Json.Append($between)
            $between = ','
            Add-HyperfileJsonValue -Json $Json -Value $item -Depth ($Depth + 1)
        }
        $null = $Json.Append((']', '[]')[[int] ($between -eq '[')])
    }
    else { $null = $Json.Append((ConvertTo-HyperfileJsonScalar -Value $Value)) }
}

function ConvertTo-HyperfileJsonScalar {
    <#
    .SYNOPSIS
        The JSON of a single value that is less usual.
    .PARAMETER Value
        No text, no boolean and no collection.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [object] $Value
    )
    if ($Value -is [double] -or $Value -is [float]) { return (ConvertTo-HyperfileJsonDouble -Value $Value) }
    if ($Value -is [timespan]) { return (ConvertTo-HyperfileJsonDouble -Value $Value.TotalSeconds) }
    if ($Value -is [enum] -or $Value -is [guid] -or $Value -is [version] -or $Value -is [uri] -or $Value -is [char]) {
        return '"' + (ConvertTo-HyperfileJsonText -Text $Value.ToString()) + '"'
    }
    if ($Value -is [datetime]) { return '"' + $Value.ToUniversalTime().ToString('o', $script:Invariant) + '"' }
    if ($Value -is [System.DateTimeOffset]) { return '"' + $Value.UtcDateTime.ToString('o', $script:Invariant) + '"' }
    if ($Value -is [byte[]]) { return '"' + [System.Convert]::ToBase64String($Value) + '"' }
    # The other whole numbers.
    if ($Value -is [System.IFormattable] -and ($Value -is [bigint] -or $Value -is [decimal] -or $Value.GetType().IsPrimitive)) {
        return $Value.ToString($null, $script:Invariant)
    }
    throw (Get-HyperfileJsonFault -What ('it holds an object of the class ' + $Value.GetType().FullName))
}

function ConvertTo-HyperfileJsonDouble {
    <#
    .SYNOPSIS
        Writes a floating-point number so that every bit of it comes back.
    .DESCRIPTION
        "R" of .NET Framework loses bits of some numbers, and it forgets the sign of a negative zero.
    .PARAMETER Value
        A finite number.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [double] $Value
    )
    if ([double]::IsNaN($Value) -or [double]::IsInfinity($Value)) { throw (Get-HyperfileJsonFault -What 'it holds a number that is not finite') }
    if ($Value -eq 0 -and [double]::IsNegativeInfinity(1 / $Value)) { return '-0.0' }
    $text = $Value.ToString('G17', $script:Invariant)
    # A number without point and exponent would come back as a whole one.
    if ($text -match '^-?[0-9]+$') { return $text + '.0' }
    return $text
}

function ConvertTo-HyperfileJsonText {
    <#
    .SYNOPSIS
        Escapes what cannot stand in quotation marks.
    .PARAMETER Text
        Any text.
    #>
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory = $true)] [AllowEmptyString()] [string] $Text
    )
    # The escape of a quotation mark is its code, too, so that the last step finds no backslash that was put there before.
    $safe = $Text.Replace('\', '\\').Replace("`r", '\r').Replace("`n", '\n').Replace("`t", '\t')
    return [regex]::Replace($safe, '["\x00-\x1F\x7F\uD800-\uDFFF]', { param($found) '\u' + ([int] [char] $found.Value).ToString('x4') })
}

function ConvertFrom-HyperfileJson {
    <#
    .SYNOPSIS
        Reads a value from JSON.
    .DESCRIPTION
        Objects become ordered dictionaries whose keys differ in case, arrays arrays, whole numbers the smallest of Int64,
        UInt64 and BigInteger that holds them, other numbers Double. An array is written as one object. Hyperfile writes
        what is read here: commas and colons are not missed when they are not there.
    .PARAMETER Json
        The text: one value and nothing else.
    .OUTPUTS
        System.Object
    #>
    [CmdletBinding()]
    [OutputType([object])]
    param(
        [Parameter(Mandatory = $true)]
        [string] $Json
    )
    # What is open, innermost last, in a list for the value itself; and the keys that the things around it wait with.
    $open = [System.Collections.Generic.Stack[object]]::new()
    $keys = [System.Collections.Generic.Stack[object]]::new()
    $open.Push([System.Collections.Generic.List[object]]::new())
    $key = $null
    $end = 0
    foreach ($token in $script:Token.Matches($Json)) {
        $end = $token.Index + $token.Length
        $mark = $token.Groups[1].Value
        if ($mark -eq ',' -or $mark -eq ':') { continue }
        if ($mark -eq '{' -or $mark -eq '[') {
            $opened = [System.Collections.Generic.List[object]]::new()
            if ($mark -eq '{') { $opened = [System.Collections.Specialized.OrderedDictionary]::new([System.StringComparer]::Ordinal) }
            $open.Push($opened)
            $keys.Push($key)
            $key = $null
            continue
        }
        if ($mark -ne '') {
            $value = $open.Pop()
            if ($value -is [System.Collections.Generic.List[object]]) { $value = $value.ToArray() }
            $key = $keys.Pop()
        }
        elseif ($token.Groups[2].Success) {
            $value = $token.Groups[2].Value
            $value = $value.Substring(1, $value.Length - 2)
            # JSON's escapes are a part of those of regular expressions.
            if ($value.IndexOf('\') -ge 0) { $value = [regex]::Unescape($value) }
        }
        elseif ($token.Groups[3].Success) { $value = ConvertFrom-HyperfileJsonNumber -Text $token.Groups[3].Value }
        else { $value = $script:Words[$token.Groups[4].Value] }
        $around = $open.Peek()
        if ($around -isnot [System.Collections.IDictionary]) { $around.Add($value) }
        elseif ($null -eq $key) { $key = $value }
        else {
            $around[$key] = $value
            $key = $null
        }
    }
    if ($open.Count -ne 1 -or $open.Peek().Count -ne 1 -or $Json.Substring($end).Trim() -ne '') {
        throw (Get-HyperfileJsonFault -What "it ends at character $end")
    }
    $PSCmdlet.WriteObject($open.Peek()[0], $false)
}

function ConvertFrom-HyperfileJsonNumber {
    <#
    .SYNOPSIS
        The number that its JSON text stands for.
    .PARAMETER Text
        Digits, and perhaps sign, point and exponent.
    #>
    [CmdletBinding()]
    [OutputType([long], [uint64], [bigint], [double])]
    param(
        [Parameter(Mandatory = $true)] [string] $Text
    )
    if ($Text -match '[.eE]') {
        $number = [double]::Parse($Text, [System.Globalization.NumberStyles]::Float, $script:Invariant)
        # .NET Framework reads a negative zero as a positive one.
        if ($number -eq 0 -and $Text[0] -eq '-') { return [System.BitConverter]::Int64BitsToDouble([long]::MinValue) }
        return $number
    }
    $whole = [bigint]::Parse($Text, $script:Invariant)
    if ($whole -ge [long]::MinValue -and $whole -le [long]::MaxValue) { return [long] $whole }
    if ($whole -ge 0 -and $whole -le [uint64]::MaxValue) { return [uint64] $whole }
    return $whole
}

function Get-HyperfileJsonFault {
    <#
    .SYNOPSIS
        The error for something that is no JSON, or cannot become any.
    .PARAMETER What
        What is wrong, as the end of a sentence.
    #>
    [CmdletBinding()]
    [OutputType([System.Management.Automation.ErrorRecord])]
    param(
        [Parameter(Mandatory = $true)] [string] $What
    )
    $exception = [System.FormatException]::new("This value cannot cross between Hyperfile and PowerShell: $What.")
    return [System.Management.Automation.ErrorRecord]::new($exception, 'HyperfileJson', 'InvalidData', $null)
}

Microsoft.PowerShell.Core\Export-ModuleMember -Function ConvertTo-HyperfileJson, ConvertFrom-HyperfileJson
