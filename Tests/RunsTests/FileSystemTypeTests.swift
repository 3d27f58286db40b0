import Support
import Testing

@Suite("The type of a file system is what the system calls it")
struct FileSystemTypeTests {
  private static let mounts = """
    22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a
    36 22 0:50 / /mnt/two\\040words rw - nfs4 server:/export rw
    40 22 259:300 / /data rw,noatime - ext4 /dev/nvme0n1p1 rw
    41 22 0:51 / /home/a rw shared:7 master:2 - fuse.sshfs host: rw
    """

  @Test(
    "by the device number, of small and of large numbers",
    arguments: [20: "overlay", 50: "nfs4", 51: "fuse.sshfs", 1_114_924: "ext4"] as [UInt64: String])
  func types(device: UInt64, type: String) {
    #expect(FileSystemType.type(ofDevice: device, among: Self.mounts) == type)
  }

  @Test("and unknown where no mount has it")
  func unknown() {
    #expect(FileSystemType.type(ofDevice: 99, among: Self.mounts) == nil)
    #expect(FileSystemType.type(ofDevice: 20, among: "22 1 0:20 / /") == nil)
  }
}
