// The `pwsh` executable of the tests. It is not an imitation: its one line is the entry point that the real `pwsh`
// calls (PowerShell's src/powershell/Program.cs ends in ManagedPSEntry.Main -> UnmanagedPSEntry.Start), so command
// line, standard streams and exit codes are decided by PowerShell's own console host, and nothing here has to be
// kept faithful by hand. What follows from that host, with the source that says so; test/support/powershell/
// engine.test.ts holds each point:
//
//  * `-Command -` reads standard input as if typed: one statement after the other, each run when it is complete;
//    a statement of several lines ends with an empty line, an incomplete one at the end of input is dropped in
//    silence (about_Pwsh, -Command; PowerShell issues 3223 and 21808).
//  * One runspace for all of them: variables, modules, locations and preferences stay (the same).
//  * Objects go through Out-Default to standard output, errors to standard error; the process ends with the
//    code of `exit N`, else with 1 when the last statement failed, else with 0, -NoExit or not (about_Pwsh; issue 15331).
//  * -NoLogo, -NoProfile, -NonInteractive, -NoExit, -File, -Command TEXT, -EncodedCommand (base64 of UTF-16LE),
//    -ExecutionPolicy (accepted and without meaning outside Windows), -InputFormat/-OutputFormat, -WorkingDirectory.
//  * Text crosses standard streams as UTF-8 without a byte order mark.
//
// What differs from PowerShell 7 on a Windows host, because this is Linux: lines end with LF; there is no execution
// policy, no registry, certificate or WSMan provider, no CIM; paths use `/`. What differs from Windows PowerShell 5.1:
// everything that version 7 added. What the installer has beside these modules is absent: PSReadLine, ThreadJob,
// PowerShellGet, Microsoft.PowerShell.Archive.

using Microsoft.PowerShell;

public static class Program
{
    public static int Main(string[] args) => UnmanagedPSEntry.Start(args, args.Length);
}
