Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
