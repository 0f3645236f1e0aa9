// New-PSSession: PowerShell's own cmdlet, but for the parameter sets that name a virtual machine. It has that cmdlet's
// name too, because identifiers of errors end in it.
extern alias engine;

using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Remoting;
using System.Management.Automation.Runspaces;
using System.Resources;
using System.Threading;
using Hyperfile.StandIn;

namespace Microsoft.PowerShell.Commands
{
    [Cmdlet(VerbsCommon.New, "PSSession", DefaultParameterSetName = "ComputerName")]
    [OutputType(typeof(PSSession))]
    public class NewPSSessionCommand : engine::Microsoft.PowerShell.Commands.NewPSSessionCommand
    {
        private bool IsDirect => ParameterSetName is "VMId" or "VMName";

        protected override void BeginProcessing()
        {
            if (!IsDirect) base.BeginProcessing();
        }

        protected override void EndProcessing()
        {
            if (!IsDirect) base.EndProcessing();
        }

        protected override void ProcessRecord()
        {
            if (!IsDirect) base.ProcessRecord();
            else if (ParameterSetName == "VMId") Array.ForEach(VMId, id => Connect("Get-VM -Id $args[0]", id));
            else Array.ForEach(VMName, name => Connect("Get-VM -Name $args", name));
        }

        private void Connect(string query, object machine)
        {
            bool isNamed = machine is string;
            var found = Find(query, machine);
            if (found is null)
            {
                string id = isNamed ? "InvalidVMNameNotSingle" : "InvalidVMIdNotSingle";
                WriteError(new ErrorRecord(new ArgumentException($"{machine}: {id}"), id, ErrorCategory.InvalidArgument, null));
            }
            else if (found.Properties["State"].Value.ToString() != "Running")
            {
                var exception = new ArgumentException($"{machine}: InvalidVMState");
                WriteError(new ErrorRecord(exception, "InvalidVMState", ErrorCategory.InvalidArgument, null));
            }
            else Open((Guid)found.Properties["VMId"].Value, (string)found.Properties["VMName"].Value);
        }

        private PSObject? Find(string query, object machine)
        {
            try
            {
                var found = InvokeCommand.InvokeScript(query, false, PipelineResultTypes.None, null, machine);
                return found.Count == 1 ? found[0] : null;
            }
            catch (CommandNotFoundException)
            {
                var exception = new ArgumentException("HyperVModuleNotAvailable");
                ThrowTerminatingError(new ErrorRecord(exception, "HyperVModuleNotAvailable", ErrorCategory.NotInstalled, null));
                throw;
            }
        }

        private void Open(Guid id, string name)
        {
            var question = new Dictionary<string, object> { ["VMId"] = id, ["Credential"] = Credential };
            string? answer = null;
            new HostCall(this).Ask("New-PSSession", ParameterSetName, question, output => answer = (string?)output);
            // "socket PATH", or why there is none: see host/guests.ts.
            if (answer is null) return;
            if (!answer.StartsWith("socket ", StringComparison.Ordinal))
            {
                // The texts are the engine's own, as RemoteSessionHyperVSocketClient uses them.
                Exception reason = answer switch
                {
                    "credential" => new PSDirectException(EngineText("InvalidCredential")),
                    "negotiation" => new PSDirectException(EngineText("HyperVNegotiationFailed")),
                    _ => new PSInvalidOperationException("A remote session might have ended."),
                };
                WriteError(new ErrorRecord(reason, "PSSessionOpenFailed", ErrorCategory.OpenError, name));
                return;
            }
            var connection = new GuestConnectionInfo(answer["socket ".Length..], name, Credential);
            var runspace = RunspaceFactory.CreateRunspace(connection, Host, TypeTable.LoadDefaultTypeFiles(), null, Name?.FirstOrDefault());
            WaitUntilOpened(runspace);
            if (runspace.RunspaceStateInfo.State == RunspaceState.Opened)
            {
                WriteObject(PSSession.Create(runspace, "VMBus", this));
                return;
            }
            var broken = runspace.RunspaceStateInfo.Reason ?? new PSInvalidOperationException("The session did not open.");
            WriteError(new ErrorRecord(broken, "PSSessionOpenFailed", ErrorCategory.OpenError, name));
            runspace.Dispose();
        }

        private static string EngineText(string name)
        {
            var engine = typeof(PSObject).Assembly;
            return new ResourceManager("System.Management.Automation.resources.RemotingErrorIdStrings", engine).GetString(name)!;
        }

        private static void WaitUntilOpened(Runspace runspace)
        {
            using var opened = new ManualResetEvent(false);
            void OnChange(object? sender, RunspaceStateEventArgs change)
            {
                if (change.RunspaceStateInfo.State is RunspaceState.Opened or RunspaceState.Broken or RunspaceState.Closed) opened.Set();
            }
            runspace.StateChanged += OnChange;
            runspace.OpenAsync();
            opened.WaitOne();
            runspace.StateChanged -= OnChange;
        }
    }
}
