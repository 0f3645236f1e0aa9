// What all generated cmdlets do: hand what was bound to the stand-in's host, and pass on what it answers.
using System.Management.Automation;

namespace Hyperfile.StandIn
{
    public abstract class StandInCmdlet : PSCmdlet
    {
        /// <summary>Asks unless -Force is given, as the cmdlet's documentation says.</summary>
        protected virtual bool AsksWithoutForce => false;
        protected virtual bool KnowsWhatIf => false;
        private HostCall? call;

        protected override void ProcessRecord()
        {
            var bound = MyInvocation.BoundParameters;
            string name = MyInvocation.MyCommand.Name;
            if (KnowsWhatIf && !ShouldProcess(name)) return;
            bool isForced = bound.TryGetValue("Force", out object? force) && ((SwitchParameter)force).IsPresent;
            if (AsksWithoutForce && !isForced && !ShouldContinue(name, name)) return;
            call = new HostCall(this);
            call.Run(name, ParameterSetName, bound);
        }

        protected override void StopProcessing() => call?.Cancel();
    }
}

namespace Microsoft.HyperV.PowerShell
{
    /// <summary>What every cmdlet of the Hyper-V module reports its failures with.</summary>
    public class VirtualizationException : System.Exception
    {
        public VirtualizationException(string message, string identifier, ErrorCategory category) : base(message)
        {
            ErrorIdentifier = identifier;
            ErrorCategory = category;
        }

        public string ErrorIdentifier { get; }
        public ErrorCategory ErrorCategory { get; }
    }
}
