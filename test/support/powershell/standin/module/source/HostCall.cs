// One question to the stand-in's host: a line of JSON goes over a socket, lines of JSON come back until it closes.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Management.Automation;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.HyperV.PowerShell;

namespace Hyperfile.StandIn
{
    public sealed class HostCall
    {
        /// <summary>The socket of the host; without it there is no Hyper-V.</summary>
        public const string Variable = "HYPERV_STANDIN";

        private readonly PSCmdlet cmdlet;
        private readonly Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private volatile bool cancelled;

        public HostCall(PSCmdlet cmdlet) => this.cmdlet = cmdlet;

        /// <summary>For functions, which have no class of their own.</summary>
        public static void Run(PSCmdlet cmdlet, IDictionary bound)
        {
            var values = new Dictionary<string, object>();
            foreach (DictionaryEntry entry in bound) values[(string)entry.Key] = entry.Value!;
            new HostCall(cmdlet).Run(cmdlet.MyInvocation.MyCommand.Name, cmdlet.ParameterSetName, values);
        }

        public void Run(string name, string set, IDictionary<string, object> bound) =>
            Ask(name, set, bound, answer => cmdlet.WriteObject(answer));

        /// <summary>Calls <paramref name="onOutput"/> with each object of the answer; all else goes to its stream.</summary>
        public void Ask(string name, string set, IDictionary<string, object> bound, Action<object?> onOutput)
        {
            var parameters = new JsonObject();
            foreach (var (key, value) in bound)
                if (!Cmdlet.CommonParameters.Contains(key) && !Cmdlet.OptionalCommonParameters.Contains(key))
                    parameters[key] = Values.ToJson(value);
            var request = new JsonObject
            {
                ["cmdlet"] = name,
                ["set"] = set,
                ["location"] = cmdlet.SessionState.Path.CurrentFileSystemLocation.ProviderPath,
                ["parameters"] = parameters,
            };
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(Address()));
                using var stream = new NetworkStream(socket, ownsSocket: true);
                using var writer = new StreamWriter(stream) { AutoFlush = true };
                using var reader = new StreamReader(stream);
                writer.WriteLine(request.ToJsonString());
                bool isComplete = false;
                while (reader.ReadLine() is string line)
                    isComplete |= Take(JsonNode.Parse(line)!.AsObject(), onOutput);
                if (!isComplete && !cancelled) throw new IOException("the connection ended in the middle of an answer");
            }
            catch (Exception error) when (error is SocketException or IOException)
            {
                if (cancelled) return;
                // What the module says when the Virtual Machine Management service does not run.
                var exception = new VirtualizationException(error.Message, "Unspecified", ErrorCategory.NotSpecified);
                cmdlet.ThrowTerminatingError(new ErrorRecord(exception, "Unspecified", ErrorCategory.NotSpecified, null));
            }
        }

        public void Cancel()
        {
            cancelled = true;
            socket.Dispose();
        }

        private static string Address() => Environment.GetEnvironmentVariable(Variable)
            ?? throw new IOException($"{Variable} names no host");

        private bool Take(JsonObject answer, Action<object?> onOutput)
        {
            if (answer.TryGetPropertyValue("output", out var output)) onOutput(Values.FromJson(output));
            else if (answer["warning"] is JsonNode warning) cmdlet.WriteWarning((string)warning!);
            else if (answer["progress"] is JsonObject progress) cmdlet.WriteProgress(ToProgress(progress));
            else if (answer["error"] is JsonObject error) WriteError(error);
            return answer["end"] is not null;
        }

        private static ProgressRecord ToProgress(JsonObject progress) =>
            new(0, (string)progress["activity"]!, (string)progress["status"]!) { PercentComplete = (int)progress["percent"]! };

        private void WriteError(JsonObject error)
        {
            string id = (string)error["id"]!;
            var category = Enum.Parse<ErrorCategory>((string)error["category"]!);
            string message = (string)error["message"]!;
            Exception exception = (string?)error["exception"] switch
            {
                "CimException" => new CimJobException(message),
                "NotImplemented" => new NotImplementedException(message),
                "Argument" => new ArgumentException(message),
                "COMException" => new System.Runtime.InteropServices.COMException(message, (int)(uint)error["hresult"]!),
                _ => new VirtualizationException(message, id, category),
            };
            var record = new ErrorRecord(exception, id, category, Values.FromJson(error["target"]));
            if ((bool?)error["terminating"] == true) cmdlet.ThrowTerminatingError(record);
            cmdlet.WriteError(record);
        }
    }

    /// <summary>What cmdlets that are made of CIM classes (Storage) fail with.</summary>
    public class CimJobException : Exception
    {
        public CimJobException(string message) : base(message) { }
    }
}
