// PowerShell Direct. The session is a real one (a PSSession over PowerShell's remoting protocol, so that Invoke-Command,
// Copy-Item -ToSession and Remove-PSSession are PowerShell's own), only its bytes go through a socket of the stand-in's
// host to a PowerShell process there, where Windows has a Hyper-V socket to the guest.
// Checks and errors follow PowerShell's newrunspacecommand.cs (CreateRunspacesWhenVMParameterSpecified and
// HandleRunspaceStateChanged) and RemoteSessionHyperVSocket.cs, version 7.6.
using System;
using System.IO;
using System.Management.Automation;
using System.Management.Automation.Internal;
using System.Management.Automation.Remoting;
using System.Management.Automation.Remoting.Client;
using System.Management.Automation.Runspaces;
using System.Net.Sockets;
using System.Threading;

namespace Hyperfile.StandIn
{
    /// <summary>Where the PowerShell of a guest answers.</summary>
    internal sealed class GuestConnectionInfo : RunspaceConnectionInfo
    {
        private readonly string socketPath;
        private readonly PSCredential credential;

        internal GuestConnectionInfo(string socketPath, string machine, PSCredential credential)
        {
            this.socketPath = socketPath;
            this.credential = credential;
            ComputerName = machine;
        }

        public override string ComputerName { get; set; }
        public override PSCredential Credential { get => credential; set => throw new NotSupportedException(); }
        public override AuthenticationMechanism AuthenticationMechanism
        {
            get => AuthenticationMechanism.Default;
            set => throw new NotSupportedException();
        }
        public override string CertificateThumbprint { get => null!; set => throw new NotSupportedException(); }
        public override RunspaceConnectionInfo Clone() => new GuestConnectionInfo(socketPath, ComputerName, credential);
        public override BaseClientSessionTransportManager CreateClientSessionTransportManager(
            Guid instanceId, string sessionName, PSRemotingCryptoHelper cryptoHelper) =>
            new GuestTransport(socketPath, instanceId, cryptoHelper);
    }

    internal sealed class GuestTransport : ClientSessionTransportManagerBase
    {
        private readonly string socketPath;
        private Socket? socket;

        internal GuestTransport(string socketPath, Guid instanceId, PSRemotingCryptoHelper cryptoHelper)
            : base(instanceId, cryptoHelper) => this.socketPath = socketPath;

        public override void CreateAsync()
        {
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            var stream = new NetworkStream(socket, ownsSocket: true);
            SetMessageWriter(new StreamWriter(stream) { AutoFlush = true });
            new Thread(Read) { IsBackground = true, Name = "Guest session" }.Start(new StreamReader(stream));
        }

        private void Read(object? state)
        {
            try
            {
                SendOneItem();
                while (((StreamReader)state!).ReadLine() is string line) HandleDataReceived(line);
                Break("The connection to the virtual machine has ended.");
            }
            catch (ObjectDisposedException)
            {
                // Closed by this side.
            }
            catch (IOException error)
            {
                Break(error.Message);
            }
        }

        private void Break(string reason)
        {
            RaiseErrorHandler(new TransportErrorOccuredEventArgs(
                new PSRemotingTransportException(reason), TransportMethodEnum.ReceiveShellOutputEx));
            CleanupConnection();
        }

        protected override void CleanupConnection() => socket?.Dispose();

        protected override void Dispose(bool isDisposing)
        {
            base.Dispose(isDisposing);
            if (isDisposing) CleanupConnection();
        }
    }
}
