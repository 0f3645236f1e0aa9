// Whoever loads the Hyper-V module can talk to its guests: New-PSSession is replaced in that session. A manifest's
// ScriptsToProcess would do it too, but a call like Hyper-V\Get-VM that loads the module would then fail once.
using System;
using System.IO;
using System.Management.Automation;

namespace Hyperfile.StandIn
{
    public sealed class RemotingHook : IModuleAssemblyInitializer
    {
        /// <summary>The replacement loads this assembly itself.</summary>
        [ThreadStatic] private static bool isImporting;

        public void OnImport()
        {
            string? socket = Environment.GetEnvironmentVariable(HostCall.Variable);
            if (isImporting || socket is null) return;
            isImporting = true;
            try
            {
                string module = Path.Combine(Path.GetDirectoryName(socket)!, "modules", "Microsoft.PowerShell.Core");
                using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
                shell.AddCommand("Import-Module").AddParameter("Name", module).AddParameter("Global").Invoke();
            }
            finally
            {
                isImporting = false;
            }
        }
    }
}
