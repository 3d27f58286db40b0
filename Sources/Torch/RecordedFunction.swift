import CTorch
import Support
import Synchronization

/// A function of tensors whose operations an accelerator records and then begins as a whole: one call in place of
/// hundreds, each of which would take longer to begin than to run.
///
/// The first calls run as usual, so that tables and work spaces are there. The next one records: the function is called
/// once more, and what it asks of the device is kept and not run. From then on the recording is played back, with the
/// values of each call's inputs. Kernels, their order and so all bits are those of the function itself.
///
/// What the function does beside its operations happens while it records and then no more. So it may depend on nothing
/// that changes but its inputs, which keep their shapes, and it may read no value. Where it does, or the device cannot
/// record it for another reason, it runs as usual from then on; ``failure`` says why.
public final class RecordedFunction: Sendable {
  /// Calls that run as usual before the one that is recorded.
  static let callsBefore = 3

  private enum Stage {
    case running(Handle, calls: Int)
    case recorded(Handle, outputs: Int)
    case failed(String)
  }

  private let function: @Sendable ([Tensor]) throws -> [Tensor]
  /// Held while a call lasts: a recording has one set of inputs.
  private let stage: Mutex<Stage>

  /// - Parameter function: computes tensors on the device.
  /// - Throws: ``TorchError`` where the device cannot make a recording. Ask ``Device/canRecord`` before.
  public init(on device: Device, _ function: @escaping @Sendable ([Tensor]) throws -> [Tensor]) throws {
    self.function = function
    stage = Mutex(.running(try Handle(on: device), calls: 0))
  }

  /// Whether calls are played back.
  public var isRecorded: Bool {
    stage.withLock { if case .recorded = $0 { true } else { false } }
  }

  /// Why nothing is recorded, where that was tried and failed.
  public var failure: String? {
    stage.withLock { if case .failed(let reason) = $0 { reason } else { nil } }
  }

  /// - Parameter inputs: on the device; in each call as many, of the same shapes and types.
  /// - Returns: new tensors, without a gradient.
  /// - Throws: what the function throws, and ``TorchError`` where the device fails or inputs are not as recorded.
  public func callAsFunction(_ inputs: [Tensor]) throws -> [Tensor] {
    try stage.withLock { stage in
      if case .running(let recording, let calls) = stage {
        if calls < Self.callsBefore {
          let outputs = try recording.apart { try function(inputs) }
          stage = .running(recording, calls: calls + 1)
          return outputs
        }
        do {
          stage = .recorded(recording, outputs: try recording.apart { try recording.record(function, inputs) })
        } catch {
          stage = .failed("\(error)")  // which frees the recording, before the function needs its memory
        }
      }
      guard case .recorded(let recording, let count) = stage else { return try function(inputs) }
      return try recording.replay(inputs, outputs: count)
    }
  }
}

extension Device {
  /// Whether functions can be recorded on the device: of CUDA where libctorch_cuda is there, and fits.
  public var canRecord: Bool { ct_can_record(code.kind) }

  /// Why the library that would record cannot be used; `nil` where it can, and where there is none.
  public var recorderFailure: String? {
    let reason = String(cString: ct_recorder_failure(code.kind))
    return reason.isEmpty ? nil : reason
  }
}

/// A recording in the shim.
private final class Handle: @unchecked Sendable {
  private let handle: ct_recording

  init(on device: Device) throws {
    var made = ct_recording()
    try checked("record on \(device)", ct_recording_make(device.code, &made))
    handle = made
  }

  deinit { ct_recording_free(handle) }

  /// `body` with the device's work on the recording's own stream, after all that was asked before and before all that is
  /// asked after.
  func apart<Result>(_ body: () throws -> Result) throws -> Result {
    try checked("enter a recording", ct_recording_enter(handle))
    let result = Swift.Result { try body() }
    try checked("leave a recording", ct_recording_leave(handle))
    return try result.get()
  }

  /// - Returns: the number of outputs.
  func record(_ function: ([Tensor]) throws -> [Tensor], _ inputs: [Tensor]) throws -> Int {
    var own = [ct_tensor](repeating: ct_tensor(), count: inputs.count)
    try checked(
      "begin a recording",
      withHandles(of: inputs) { ct_recording_begin(handle, $0, Int64($0.count), &own) })
    let copies = own.map(Tensor.init(owning:))
    do {
      let outputs = try function(copies)
      try checked("end a recording", withHandles(of: outputs) { ct_recording_end(handle, $0, Int64($0.count)) })
      return outputs.count
    } catch {
      // What failed first says why; that the recording then ends with a failure too is no news.
      ct_message_free(ct_recording_end(handle, nil, 0).message)
      throw error
    }
  }

  func replay(_ inputs: [Tensor], outputs count: Int) throws -> [Tensor] {
    var results = [ct_tensor](repeating: ct_tensor(), count: count)
    try checked(
      "play a recording back",
      withHandles(of: inputs) { ct_recording_replay(handle, $0, Int64($0.count), &results) })
    return results.map(Tensor.init(owning:))
  }
}
