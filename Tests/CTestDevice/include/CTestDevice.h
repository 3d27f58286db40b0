// A device for tests, on libtorch's spare device type: what would fail on an accelerator fails here, without one.
#ifndef CTESTDEVICE_H
#define CTESTDEVICE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Registers the device with libtorch, once. False where there is none: it needs Linux.
bool td_register(void);
/// How often values have moved between the device and the CPU, or were read on the CPU, on any thread.
int64_t td_transfers(void);
/// How many operations have run on the device.
int64_t td_operations(void);
/// The device's memory in bytes: what is allocated beyond it fails as on a device that is full. 0 is no limit.
void td_set_capacity(int64_t bytes);
/// The bytes that tensors hold.
int64_t td_used(void);
/// Whether the device records: from then on ct_recorder_of has a recorder of it, or none. What is recorded also runs once,
/// and its results are then overwritten with numbers that are none, as CUDA would never have computed them.
void td_set_recording(bool is_recording);
/// How often a recording has been begun as a whole.
int64_t td_replays(void);
/// A recording fails when it is `operation` operations long, or at its end with INT64_MAX. -1 for none.
void td_fail_recording(int64_t operation);
/// A new block of one page, as tensors have them, at the address that they show. Touching it ends the process.
void *td_stray_pointer(void);

#ifdef __cplusplus
}
#endif
#endif
