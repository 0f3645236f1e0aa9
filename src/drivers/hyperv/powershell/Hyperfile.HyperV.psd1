@{
    RootModule        = 'Hyperfile.HyperV.psm1'
    ModuleVersion     = '1.0.0'
    GUID              = '0d9b2c35-6a3b-4a4a-9f0e-4f6c1c0f2f55'
    Author            = 'Hyperfile'
    Description       = 'What Hyperfile does on a Hyper-V host: one function an operation.'
    PowerShellVersion = '5.1'
    # The .psm1 says which.
    FunctionsToExport = '*'
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
