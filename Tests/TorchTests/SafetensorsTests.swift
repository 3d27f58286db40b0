import Foundation
import Testing
import Torch

@Suite("Safetensors files are Python's")
struct SafetensorsTests {
  static let awkwardName = "quote \" slash \\ tab \t bell \u{7} Größe 犬 🐕"

  @Test("What Python wrote is read")
  func reading() throws {
    let file = try SafetensorsFile(contentsOf: fixture("python.safetensors"))
    #expect(file.names == ["brain", "empty", "floats", "half", "integers", "odd", Self.awkwardName, "scalar"])
    #expect(file.metadata["recipe"]?.hasPrefix("Scripts/oracle/record_torch.py, seed 20240607, torch 2.13.0") == true)
    #expect(file.shape(of: "floats") == [2, 3])
    #expect(file.kind(of: "brain") == .bfloat16)
    #expect(try file.tensor("floats").floats() == [0.5, -1.25, 3, 65504, 1e-7, -0.0])
    #expect(try file.tensor("half").floats() == [0.5, -1.25, 3, 65504, Float(Float16(1e-7)), -0.0])
    #expect(try file.tensor("half").kind == .float16)
    #expect(try file.tensor("brain").floats() == [0.5, -1.25, 3, 65536, 0x1.aep-24, -0.0])
    #expect(try file.tensor("integers").integers() == [.min, -1, 0, .max])
    #expect(try file.tensor("scalar").shape == [])
    #expect(try file.tensor("scalar").scalar() == 7.5)
    #expect(try file.tensor("empty").shape == [0, 3])
    #expect(try file.tensor(Self.awkwardName).floats() == [1])
  }

  @Test("What is written is what Python writes, byte for byte")
  func writing() throws {
    let original = try fixture("python.safetensors")
    let file = try SafetensorsFile(contentsOf: original)
    let tensors = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
    try withTemporaryFolder { folder in
      let copy = folder.appending(path: "copy.safetensors")
      try SafetensorsFile.write(tensors, metadata: file.metadata, to: copy)
      #expect(try Data(contentsOf: copy) == Data(contentsOf: original))
    }
  }

  @Test("Slices, permutations and variables are written as what they show")
  func views() throws {
    let matrix = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "views.safetensors")
      try SafetensorsFile.write(["row": matrix.sliced(1..<2, axis: 0), "turned": matrix.transposed()], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      #expect(try file.tensor("row").floats() == [4, 5, 6])
      #expect(try file.tensor("turned").floats() == [1, 4, 2, 5, 3, 6])
      #expect(file.metadata.isEmpty)
    }
  }

  @Test("A file without tensors is a file")
  func noTensors() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "none.safetensors")
      try SafetensorsFile.write([:], metadata: ["a\nkey": "a “value” \u{1F}"], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      #expect(file.names.isEmpty)
      #expect(file.metadata == ["a\nkey": "a “value” \u{1F}"])
    }
  }

  @Test("An open file outlives its replacement and its removal")
  func replacement() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "weights.safetensors")
      try SafetensorsFile.write(["x": Tensor([1, 2] as [Float], shape: [2])], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      try SafetensorsFile.write(["x": Tensor([3] as [Float], shape: [1])], to: url)
      #expect(try file.tensor("x").floats() == [1, 2])
      #expect(try SafetensorsFile(contentsOf: url).tensor("x").floats() == [3])
      try FileManager.default.removeItem(at: url)
      #expect(try file.tensor("x").floats() == [1, 2])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test("A tensor cannot be named as the metadata, and nothing is written then")
  func reservedName() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "x.safetensors")
      let scalar = try Tensor([1] as [Float], shape: [])
      let text = refused { try SafetensorsFile.write(["__metadata__": scalar], to: url) }
      #expect(text == "\(url.path): a tensor cannot be named “__metadata__”. Choose another name.")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}
