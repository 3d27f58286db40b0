/* CTorch: the part of libtorch that this package uses, in C.
 *
 * A short tutorial
 * ----------------
 *     float values[] = {1, 2, 3, 4};
 *     int64_t shape[] = {2, 2};
 *     ct_tensor a, b;
 *     ct_status status = ct_from_memory(values, CT_FLOAT32, shape, 2, &a);   // copies the values
 *     if (status.code == 0) status = ct_matmul(a, a, &b);                   // b is a new tensor
 *     if (status.code != 0) { puts(status.message); ct_message_free(status.message); }
 *     ct_free(b); ct_free(a);
 *
 * The rules, without exception
 * ----------------------------
 * - Every call that can fail returns a status. Code 0 is success and has no message; any other code
 *   has a message that the caller frees with ct_message_free. No C++ exception leaves this library
 *   and no error is kept in a hidden place.
 * - A result is a new tensor that the caller frees with ct_free. On failure no result is written.
 * - No call changes a tensor that it is given. There is no in-place operation and no gradient mode:
 *   a gradient is recorded where an input came from ct_with_gradient, and nowhere else.
 * - Every call may be made from any thread. A tensor may be read by several threads at once.
 * - Shapes are arrays of `rank` int64_t. Axes count from 0. Strides are nobody's business.
 */
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

#ifdef __cplusplus
extern "C" {
#endif

typedef struct { void *_Nullable impl; } ct_tensor;
typedef struct { void *_Nullable impl; } ct_frozen_linear;
typedef struct { void *_Nullable impl; } ct_frozen_convolution;
typedef struct { void *_Nullable impl; } ct_process_group;
typedef struct { void *_Nullable impl; } ct_reading;
typedef struct { int32_t code; char *_Nullable message; } ct_status;
/* The code of a status where a device has no memory left; any other failure is 1. */
enum { CT_OUT_OF_MEMORY = 2 };
typedef enum : int32_t { CT_FLOAT32 = 0, CT_FLOAT16 = 1, CT_BFLOAT16 = 2, CT_INT64 = 3, CT_FLOAT64 = 4 } ct_kind;

/* ---- Device.cpp: where tensors are ---- */

/// The last one is libtorch's type for devices that it does not know; tests have one.
typedef enum : int32_t { CT_CPU = 0, CT_CUDA = 1, CT_MPS = 2, CT_XPU = 3, CT_SPARE = 4 } ct_device_kind;
typedef struct { ct_device_kind kind; int32_t index; } ct_device;
/// What is known of a kind of device. Texts are never freed, and empty where there is nothing to say.
typedef struct {
  int32_t count;            /* how many answer */
  int64_t runtime_version;  /* of CUDA, as libtorch was built with it, such as 13000; 0 without */
  int64_t driver_version;   /* the newest CUDA that the driver can run; 0 without a driver */
  const char *library;      /* the file beside libtorch_cpu with the device's kernels */
  const char *failure;      /* why that could not be opened */
} ct_accelerator;

/// The version of the libtorch that is loaded, in libtorch's own form: major, minor and patch in the three highest
/// bytes; 0 where it does not say. And that of the headers with which this library was compiled.
uint64_t ct_loaded_version(void);
uint64_t ct_built_version(void);
/// The folder of the libtorch that is loaded.
const char *ct_library_folder(void);
/// Opens the device's library, where that has not been done, and asks. To be called before the first gradient.
ct_accelerator ct_accelerator_of(ct_device_kind kind);
/// Sets this process up for a device: the same sums in the same order each time. Nothing for a CPU.
ct_status ct_use_device(ct_device device);
/// Whether products of float32 may round their factors to TF32 on devices that can, in this process.
ct_status ct_use_tf32(bool is_used);
/// Whether those of cuBLAS or of cuDNN may.
bool ct_uses_tf32(void);
/// NVIDIA's number of what a GPU can do, in tenths, such as 90; 0 where there is none to be had.
int32_t ct_compute_capability(ct_device device);
/// The device's name, as its driver has it, such as "NVIDIA H200", or an empty text; at most `capacity` bytes.
ct_status ct_device_name(ct_device device, char *name, int64_t capacity);
/// The device's memory in bytes. Fails where the device does not tell.
ct_status ct_device_memory(ct_device device, int64_t *free, int64_t *total);
/// The bytes that tensors on the device hold now, and the most since ct_reset_device_peak. Fails where the device does not
/// tell.
ct_status ct_device_memory_use(ct_device device, int64_t *now, int64_t *peak);
ct_status ct_reset_device_peak(ct_device device);
/// Gives memory back that tensors no longer use.
ct_status ct_release_device_memory(ct_device device);
/// Waits until all that was asked of the device is done.
ct_status ct_wait(ct_device device);
ct_device ct_device_of(ct_tensor tensor);
/// The same values on another device.
ct_status ct_to_device(ct_tensor tensor, ct_device device, ct_tensor *result);
/// Begins to copy a device's tensor to the CPU, and returns. What is asked of the device later is not waited for.
ct_status ct_reading_begin(ct_tensor tensor, ct_reading *result);
/// Waits until the copy is there. The reading is used up, whether this fails or not.
ct_status ct_reading_end(ct_reading reading, ct_tensor *result);

/* ---- Values.cpp: tensors from memory and back ---- */

/// Copies row-major elements of `kind` into a new tensor.
ct_status ct_from_memory(const void *elements, ct_kind kind, const int64_t *shape, int64_t rank, ct_tensor *result);
/// Element types that files hold beside ours, and how they are read: floats of 64 bits as those of 32, all integers as
/// those of 64 bits.
typedef enum : int32_t {
  CT_STORED_FLOAT32 = 0, CT_STORED_FLOAT16 = 1, CT_STORED_BFLOAT16 = 2, CT_STORED_INT64 = 3, CT_STORED_FLOAT64 = 4,
  CT_STORED_INT32 = 5, CT_STORED_INT16 = 6, CT_STORED_INT8 = 7, CT_STORED_UINT8 = 8, CT_STORED_BOOL = 9
} ct_stored_kind;
/// Reads a tensor whose first element lies at byte `position` of an open file, with `strides` counted in elements. The
/// file goes straight into the tensor's memory. Fails where the file ends before, or where a float of 64 bits is finite
/// and that of 32 would not be.
ct_status ct_from_file(int32_t descriptor, int64_t position, ct_stored_kind kind, const int64_t *shape,
                       const int64_t *strides, int64_t rank, ct_tensor *result);
/// Copies the elements, row-major, to `destination`, which holds `bytes` bytes: exactly as many as the tensor has.
ct_status ct_to_memory(ct_tensor tensor, void *destination, size_t bytes);
/// The same values in another element type.
ct_status ct_converted(ct_tensor tensor, ct_kind kind, ct_tensor *result);
int64_t ct_rank(ct_tensor tensor);
void ct_shape(ct_tensor tensor, int64_t *shape);
/// The element type, or -1 for one that this library does not name.
int32_t ct_kind_of(ct_tensor tensor);
void ct_free(ct_tensor tensor);
void ct_message_free(char *_Nullable message);

/* ---- Pixels.cpp: the input of an image tower ---- */

/// `count` images of `size` x `size` x 3 bytes, each of which `copy(context, index, destination)` writes, and each byte
/// replaced by its value in `table`, [3, 256] by channel, where that is: [count, 3, size, size].
ct_status ct_pixels(int64_t count, int64_t size, void (*copy)(void *context, int64_t index, uint8_t *destination),
                    void *context, ct_tensor table, ct_tensor *result);

/* ---- Shapes.cpp: the same elements, arranged or chosen differently ---- */

ct_status ct_reshape(ct_tensor tensor, const int64_t *shape, int64_t rank, ct_tensor *result);
ct_status ct_permute(ct_tensor tensor, const int64_t *axes, int64_t rank, ct_tensor *result);
/// Repeats axes of size 1 up to `shape`, without copying.
ct_status ct_expand(ct_tensor tensor, const int64_t *shape, int64_t rank, ct_tensor *result);
/// Elements `start ..< start + length` along `axis`.
ct_status ct_slice(ct_tensor tensor, int64_t axis, int64_t start, int64_t length, ct_tensor *result);
/// `count` tensors of equal length along the last axis, which together are the tensor. Their gradients are joined in one
/// step, where those of slices would each be padded with zeros and added.
ct_status ct_split(ct_tensor tensor, int64_t count, ct_tensor *results);
/// Rows of `axis` chosen by `indices` ([K], int64).
ct_status ct_gather(ct_tensor tensor, int64_t axis, ct_tensor indices, ct_tensor *result);
ct_status ct_concatenate(const ct_tensor *tensors, int64_t count, int64_t axis, ct_tensor *result);
/// Zeros around the last two axes.
ct_status ct_zero_padded(ct_tensor tensor, int64_t left, int64_t right, int64_t top, int64_t bottom, ct_tensor *result);

/* ---- Arithmetic.cpp: elementwise, with broadcasting, and reductions ---- */

/// `a + scale * b`
ct_status ct_add(ct_tensor a, ct_tensor b, double scale, ct_tensor *result);
ct_status ct_multiply(ct_tensor a, ct_tensor b, ct_tensor *result);
ct_status ct_divide(ct_tensor a, ct_tensor b, ct_tensor *result);
/// `scale * a + shift`
ct_status ct_affine(ct_tensor a, double scale, double shift, ct_tensor *result);
/// `a @ b` with broadcasting over the leading axes.
ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *result);
/// The mean over `axes`, which are dropped.
ct_status ct_mean(ct_tensor a, const int64_t *axes, int64_t count, ct_tensor *result);
/// Every row of the last axis divided by its Euclidean norm.
ct_status ct_unit_rows(ct_tensor a, ct_tensor *result);
/// Softmax over the last axis.
ct_status ct_softmax(ct_tensor a, ct_tensor *result);
/// e to the power of each element.
ct_status ct_exp(ct_tensor a, ct_tensor *result);
/// The absolute value of each element.
ct_status ct_abs(ct_tensor a, ct_tensor *result);
/// The square root of each element.
ct_status ct_square_root(ct_tensor a, ct_tensor *result);
/// Mean cross-entropy, in nats, of logits [B, C] against labels [B] (int64): a scalar.
ct_status ct_cross_entropy(ct_tensor logits, ct_tensor labels, ct_tensor *result);
/// How many rows of logits [B, C] are highest at their label, labels [B] (int64): a scalar.
ct_status ct_right_answers(ct_tensor logits, ct_tensor labels, ct_tensor *result);

/// 1 where every element of `count` tensors, at least one, is finite, else 0: a scalar of float32.
ct_status ct_all_finite(const ct_tensor *tensors, int64_t count, ct_tensor *result);

/* ---- Layers.cpp: the operations that layers are made of ---- */

typedef enum : int32_t {
  CT_IDENTITY = 0, CT_RELU = 1, CT_RELU6 = 2, CT_GELU = 3, CT_QUICK_GELU = 4, CT_SILU = 5
} ct_activation;
ct_status ct_activate(ct_tensor a, ct_activation activation, ct_tensor *result);
/// `x @ weightᵀ + bias`; weight [out, in], bias [out] or none.
ct_status ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor *result);
/// Layer normalisation over the last axis.
ct_status ct_layer_norm(ct_tensor x, ct_tensor weight, ct_tensor bias, double epsilon, ct_tensor *result);
/// 2-D convolution of [B, in, H, W] with weight [out, in / groups, h, w], bias [out] or none.
ct_status ct_convolution(ct_tensor x, ct_tensor weight, ct_tensor bias, int64_t stride, int64_t padding, int64_t groups,
                         ct_tensor *result);
/// The means of squares of `size` x `size` positions of [B, C, H, W], side by side; what is left over at an edge is dropped.
ct_status ct_average_pool(ct_tensor x, int64_t size, ct_tensor *result);

/* ---- FrozenLinear.cpp: linear layers whose weight never changes ---- */

/// Whether layers can multiply in a kind of float on the CPU: in float32 on any; in bfloat16 on one of x86-64 with
/// AVX-512, in float16 on one with AVX-512 FP16, and both with a libtorch that has oneDNN.
bool ct_has_products(ct_kind kind);
/// Lays the weight [out, in] out for fast products in a kind of float; bias [out] or none. The caller frees the layer.
ct_status ct_frozen_linear_make(ct_tensor weight, ct_tensor bias, ct_activation activation, ct_kind kind,
                                ct_frozen_linear *result);
void ct_frozen_linear_free(ct_frozen_linear layer);
/// `activation(x @ weightᵀ + bias)`; a gradient passes to x alone.
ct_status ct_frozen_linear_apply(ct_frozen_linear layer, ct_tensor x, ct_tensor *result);

/* ---- FrozenConvolution.cpp: convolutions whose weight never changes ---- */

/// What a batch normalisation with the statistics of training consists of: tensors [out].
typedef struct {
  ct_tensor weight, bias, mean, variance;
  double epsilon;
} ct_batch_norm_values;
/// A 2-D convolution with weight [out, in / groups, h, w], the normalisation after it, and, where it is active,
/// min(max(y, 0), ceiling). The caller frees the layer.
ct_status ct_frozen_convolution_make(ct_tensor weight, ct_batch_norm_values norm, int64_t stride, int64_t padding,
                                     int64_t groups, bool is_active, double ceiling, ct_frozen_convolution *result);
void ct_frozen_convolution_free(ct_frozen_convolution layer);
/// [B, in, H, W] to [B, out, H', W'], without a gradient.
ct_status ct_frozen_convolution_apply(ct_frozen_convolution layer, ct_tensor x, ct_tensor *result);

/* ---- Attention.cpp ---- */

/// Every query attends to every key: q [B, Q, D], k and v [B, K, D], `heads` heads, scale 1/√(D / heads).
ct_status ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, int64_t heads, ct_tensor *result);
/// Queries and keys laid out as `paths` rows of equal length, in which each attends to what stands before it and to
/// itself: `query_rows` and `key_rows`, [paths · length], choose from q [B, Q, D] and from k and v [B, K, D], and
/// `read`, [R], are the places, row-major, whose results are returned: [B, R, D].
ct_status ct_path_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor query_rows, ct_tensor key_rows,
                            ct_tensor read, int64_t paths, int64_t heads, ct_tensor *result);
/// Query i attends to the keys `keys[offsets[i] ..< offsets[i + 1]]` alone: offsets [Q + 1], keys [offsets[Q]], int64.
/// Memory is that of q, k, v and the result; the gradient recomputes the weights instead of keeping them.
ct_status ct_sparse_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor offsets, ct_tensor keys, int64_t heads,
                              ct_tensor *result);

/* ---- Gradient.cpp ---- */

/// The same values as a new variable: whatever is computed from it can be differentiated with respect to it.
ct_status ct_with_gradient(ct_tensor tensor, ct_tensor *result);
/// The same values, forgetting what they were computed from.
ct_status ct_without_gradient(ct_tensor tensor, ct_tensor *result);
/// cotangent · d value / d variables[i], for each of `count` variables. The cotangent has the shape of value; with none,
/// value is a scalar. Its graph is freed unless a further call needs it.
ct_status ct_gradients(ct_tensor value, ct_tensor cotangent, const ct_tensor *variables, int64_t count,
                       bool keeps_graph, ct_tensor *results);

/* ---- Recording.cpp: work of a device that is recorded, and then begun as a whole ---- */

/// What records on one kind of device: of CUDA libctorch_cuda (Sources/CTorchCUDA), of the device of tests itself.
typedef struct {
  /// The version of libtorch's headers with which it was compiled, as ct_built_version has it.
  uint64_t built_version;
  ct_status (*make)(int32_t device_index, void *_Nullable *_Nonnull recorder);
  void (*free)(void *recorder);
  /// What this thread asks of the device goes to the recorder's own stream, after all that was asked before; and back.
  ct_status (*enter)(void *recorder);
  ct_status (*leave)(void *recorder);
  /// Within these, what is asked is recorded, and not run. The recording ends whether it succeeded or not.
  ct_status (*begin)(void *recorder);
  ct_status (*end)(void *recorder);
  /// Begins what was recorded, on the stream of this thread.
  ct_status (*replay)(void *recorder);
} ct_recorder;
typedef struct { void *_Nullable impl; } ct_recording;

/// Whether there is a recorder of a kind of device. Opens its library at the first call, unless COCOOP_RECORDED_STEPS is
/// "off" in the environment.
bool ct_can_record(ct_device_kind kind);
/// Why the library of one that is there cannot be used; empty where it can, and where there is none. Never freed.
const char *ct_recorder_failure(ct_device_kind kind);
/// Sets the recorder of the device of tests; null takes it away.
void ct_set_spare_recorder(const ct_recorder *_Nullable recorder);
/// A recording of nothing so far. Fails where the device has no recorder. The caller frees it.
ct_status ct_recording_make(ct_device device, ct_recording *result);
void ct_recording_free(ct_recording recording);
/// Before a recording, its operations run a few times between these, on the stream on which they will be recorded.
ct_status ct_recording_enter(ct_recording recording);
ct_status ct_recording_leave(ct_recording recording);
/// Between enter and leave: copies `count` inputs to `results`, of which operations until ct_recording_end are recorded.
ct_status ct_recording_begin(ct_recording recording, const ct_tensor *inputs, int64_t count, ct_tensor *results);
/// Ends the recording: `count` outputs are what it computes. To be called whatever has failed meanwhile.
ct_status ct_recording_end(ct_recording recording, const ct_tensor *_Nullable outputs, int64_t count);
/// Begins all that was recorded, with the values of `inputs`, which have the shapes of the first ones. The `results` are
/// new tensors, as many as there were outputs.
ct_status ct_recording_replay(ct_recording recording, const ct_tensor *inputs, int64_t count, ct_tensor *results);

/* ---- ProcessGroup.cpp: processes that compute one thing together ---- */

/// Joins the `size` processes that meet at `host` and `port`, as number `rank`. The process that `serves` listens there,
/// at that address alone where it is this machine's own. Unless all are `on_one_machine`, an address that means this
/// machine for each (127.0.1.1) is not used: it then listens at all of its addresses. `attempt` tells meetings at one
/// address apart. Nobody is asked who he is: the address belongs on a private network. Fails where the others are not
/// there within `timeout` milliseconds, where the port is in use, and where two processes have one number.
ct_status ct_process_group_join(const char *host, uint16_t port, bool serves, bool on_one_machine, const char *attempt,
                                int32_t rank, int32_t size, int64_t timeout, ct_process_group *result);
/// Writes the `count` bytes of each process, in the order of their numbers, to `results`, which holds `size * count`. All
/// processes call this with the same count. Fails where one of them has ended, and where one does not come within
/// `timeout` milliseconds: the group is of no more use then.
ct_status ct_process_group_gather(ct_process_group group, const void *bytes, int64_t count, int64_t timeout,
                                  void *results);
void ct_process_group_free(ct_process_group group);

/* ---- Environment.cpp ---- */

/// The version of the libtorch that is linked, such as "2.13.0".
const char *ct_version(void);
/// How many threads one operation may use, process-wide.
int32_t ct_thread_count(void);
ct_status ct_set_thread_count(int32_t count);
/// Calls `body(context, index)` once for every index below `count`, on as many threads as one operation may use, and
/// returns when all calls have. Each thread takes the next index that is free; operations within `body` use one thread.
void ct_for_each(int64_t count, void (*body)(void *context, int64_t index), void *context);
/// Asks the C library's allocator to keep freed memory for the next tensor. Without it, glibc returns the buffers of
/// every layer to the system, and half of an image's time goes into page faults. Does nothing elsewhere.
void ct_keep_freed_memory(void);

#ifdef __cplusplus
}
#endif

#pragma clang assume_nonnull end
#endif
