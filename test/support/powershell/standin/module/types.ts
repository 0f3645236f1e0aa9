/**
 * The classes of the Hyper-V and Storage modules that cmdlets take and give, with the properties that the stand-in
 * knows. What it does not know is no property at all: strict mode then says so, instead of an empty value.
 *
 * Names, types and numbers: the .NET reference of Microsoft.HyperV.PowerShell (learn.microsoft.com), PowerShell's own
 * copy of VMState (PSRemotingCmdlet.cs), virtdisk.h and the MSFT_* classes of the Storage management provider.
 */

export interface ObjectType {
  readonly namespace: string;
  readonly base?: string;
  /** `Name:type`, separated by white space; types as C# writes them. */
  readonly properties: string;
}

const HYPERV = 'Microsoft.HyperV.PowerShell';
const STORAGE = 'Hyperfile.StandIn.Cim';
const BELONGS_TO_VM = 'VMId:Guid VMName:string';

export const OBJECT_TYPES: Readonly<Record<string, ObjectType>> = {
  VirtualHardDisk: {
    namespace: 'Microsoft.Vhd.PowerShell',
    properties: `ComputerName:string Path:string VhdFormat:VhdFormat VhdType:VhdType FileSize:ulong Size:ulong
      MinimumSize:ulong? LogicalSectorSize:uint PhysicalSectorSize:uint BlockSize:uint ParentPath:string
      DiskIdentifier:string FragmentationPercentage:uint? Alignment:uint Attached:bool DiskNumber:uint? Number:uint?`,
  },
  VirtualMachineBase: {
    namespace: HYPERV,
    properties: `Id:Guid Name:string Path:string Notes:string Generation:int Version:string State:VMState
      ComputerName:string ParentSnapshotId:Guid? ParentSnapshotName:string ProcessorCount:long MemoryStartup:long
      DynamicMemoryEnabled:bool MemoryMinimum:long MemoryMaximum:long AutomaticStartAction:StartAction
      AutomaticStopAction:StopAction AutomaticCheckpointsEnabled:bool CheckpointType:CheckpointType CreationTime:DateTime
      SnapshotFileLocation:string ConfigurationLocation:string SmartPagingFilePath:string
      HardDrives:HardDiskDrive[] NetworkAdapters:VMNetworkAdapter[] DVDDrives:DvdDrive[]`,
  },
  VirtualMachine: {
    namespace: HYPERV,
    base: 'VirtualMachineBase',
    properties: `VMId:Guid VMName:string Uptime:TimeSpan Status:string Heartbeat:VMHeartbeatStatus? MemoryAssigned:long
      IntegrationServicesState:string AutomaticStartDelay:int LockOnDisconnect:OnOffState IsDeleted:bool`,
  },
  VMSnapshot: {
    namespace: HYPERV,
    base: 'VirtualMachineBase',
    properties: `${BELONGS_TO_VM} SnapshotType:SnapshotType IsAutomaticCheckpoint:bool`,
  },
  VMComponentObject: { namespace: HYPERV, properties: 'Id:string Name:string ComputerName:string' },
  BootSource: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: 'BootType:string Device:VMComponentObject Description:string FirmwarePath:string',
  },
  HardDiskDrive: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} VMSnapshotId:Guid? Path:string DiskNumber:uint? ControllerType:ControllerType
      ControllerNumber:int ControllerLocation:int`,
  },
  DvdDrive: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} Path:string DvdMediaType:string ControllerType:ControllerType ControllerNumber:int
      ControllerLocation:int`,
  },
  VMNetworkAdapterBase: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: 'MacAddress:string SwitchName:string SwitchId:Guid? Connected:bool IPAddresses:string[]',
  },
  VMNetworkAdapter: {
    namespace: HYPERV,
    base: 'VMNetworkAdapterBase',
    properties: `${BELONGS_TO_VM} IsManagementOs:bool DynamicMacAddressEnabled:bool Status:string[]`,
  },
  VMSwitch: {
    namespace: HYPERV,
    properties:
      'Id:Guid Name:string ComputerName:string SwitchType:VMSwitchType Notes:string NetAdapterInterfaceDescription:string',
  },
  VMFirmware: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} SecureBoot:OnOffState SecureBootTemplate:string SecureBootTemplateId:Guid
      BootOrder:BootSource[] ConsoleMode:ConsoleModeType PreferredNetworkBootProtocol:IPProtocolPreference`,
  },
  VMBios: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} StartupOrder:BootDevice[]`,
  },
  VMMemory: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} Startup:long Minimum:long Maximum:long DynamicMemoryEnabled:bool`,
  },
  VMProcessor: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} Count:long ExposeVirtualizationExtensions:bool`,
  },
  VMSecurity: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} TpmEnabled:bool Shielded:bool`,
  },
  VMIntegrationComponent: {
    namespace: HYPERV,
    base: 'VMComponentObject',
    properties: `${BELONGS_TO_VM} Enabled:bool OperationalStatus:VMIntegrationComponentOperationalStatus[]
      PrimaryOperationalStatus:VMIntegrationComponentOperationalStatus? PrimaryStatusDescription:string`,
  },
  VMHost: {
    namespace: HYPERV,
    properties: `Name:string ComputerName:string VirtualHardDiskPath:string VirtualMachinePath:string
      LogicalProcessorCount:long MemoryCapacity:long`,
  },
  VMHostSupportedVersion: { namespace: HYPERV, properties: 'Name:string Version:Version IsDefault:bool' },
  CimInstance: { namespace: STORAGE, properties: '' },
  MSFT_Disk: {
    namespace: STORAGE,
    base: 'CimInstance',
    properties: `Number:uint DiskNumber:uint FriendlyName:string UniqueId:string Path:string Location:string Size:ulong
      AllocatedSize:ulong LogicalSectorSize:uint PhysicalSectorSize:uint NumberOfPartitions:uint PartitionStyle:string
      IsOffline:bool IsReadOnly:bool IsBoot:bool IsSystem:bool OperationalStatus:string HealthStatus:string
      BusType:string Guid:string
      ObjectId:string LargestFreeExtent:ulong`,
  },
  MSFT_Partition: {
    namespace: STORAGE,
    base: 'CimInstance',
    properties: `DiskNumber:uint PartitionNumber:uint DriveLetter:char AccessPaths:string[] Offset:ulong Size:ulong
      GptType:string Guid:string MbrType:ushort? Type:string IsActive:bool IsBoot:bool IsSystem:bool IsHidden:bool
      IsReadOnly:bool IsOffline:bool NoDefaultDriveLetter:bool UniqueId:string DiskId:string DiskPath:string ObjectId:string`,
  },
  MSFT_Volume: {
    namespace: STORAGE,
    base: 'CimInstance',
    properties: `DriveLetter:char? FileSystem:string FileSystemType:string FileSystemLabel:string Path:string Size:ulong
      SizeRemaining:ulong DriveType:string HealthStatus:string OperationalStatus:string UniqueId:string ObjectId:string
      AllocationUnitSize:uint`,
  },
  BasicImageInfoObject: {
    namespace: 'Microsoft.Dism.Commands',
    properties: 'ImagePath:string ImageIndex:uint ImageName:string ImageDescription:string ImageSize:ulong',
  },
  MSFT_DiskImage: {
    namespace: STORAGE,
    base: 'CimInstance',
    properties: `ImagePath:string StorageType:uint Attached:bool DevicePath:string Number:uint? Size:ulong FileSize:ulong
      BlockSize:uint LogicalSectorSize:uint`,
  },
};

/** Enumerations that no parameter lists, or whose numbers are not 0, 1, 2. */
export const ENUM_NUMBERS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  VMState: {
    Other: 1,
    Running: 2,
    Off: 3,
    Stopping: 4,
    Saved: 6,
    Paused: 9,
    Starting: 10,
    Reset: 11,
    Saving: 32773,
    Pausing: 32776,
    Resuming: 32777,
    FastSaved: 32779,
    FastSaving: 32780,
    ForceShutdown: 32781,
    ForceReboot: 32782,
  },
  StartAction: { Nothing: 2, StartIfRunning: 3, Start: 4 },
  StopAction: { TurnOff: 2, Save: 3, ShutDown: 4 },
  CheckpointType: { Disabled: 2, Production: 3, ProductionOnly: 4, Standard: 5 },
  VhdFormat: { Unknown: 0, VHD: 2, VHDX: 3, VHDSet: 4 },
  VhdType: { Unknown: 0, Fixed: 2, Dynamic: 3, Differencing: 4 },
  VMHeartbeatStatus: {
    Unknown: 0,
    Disabled: 1,
    NoContact: 2,
    Error: 3,
    LostCommunication: 4,
    OkApplicationsUnknown: 5,
    OkApplicationsHealthy: 6,
    OkApplicationsCritical: 7,
    Paused: 8,
  },
  VMIntegrationComponentOperationalStatus: {
    Ok: 2,
    Degraded: 3,
    Error: 6,
    NonRecoverableError: 7,
    NoContact: 12,
    LostCommunication: 13,
    Dormant: 15,
    Disabled: 32896,
  },
};
