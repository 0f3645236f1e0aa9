# Serves this folder's index.html to whoever asks, with what Windows has on board.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$listener = [System.Net.HttpListener]::new()
$listener.Prefixes.Add("http://+:$($env:PORT)/")
$listener.Start()
while ($listener.IsListening) {
    $response = $listener.GetContext().Response
    $page = [System.IO.File]::ReadAllBytes([System.IO.Path]::Combine($PSScriptRoot, 'index.html'))
    $response.ContentType = 'text/html; charset=utf-8'
    $response.OutputStream.Write($page, 0, $page.Length)
    $response.Close()
}
