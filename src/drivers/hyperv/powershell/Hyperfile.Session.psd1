@{
    RootModule        = 'Hyperfile.Session.psm1'
    NestedModules     = @('Hyperfile.Json.psm1')
    ModuleVersion     = '1.0.0'
    GUID              = 'b5a0a1c7-5a55-4b6e-9d7b-0e6c6f0f7a21'
    Author            = 'Hyperfile'
    Description       = 'Runs functions of PowerShell modules for Hyperfile.'
    PowerShellVersion = '5.1'
    FunctionsToExport = @('Start-HyperfileSession', 'Invoke-HyperfileCall')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
