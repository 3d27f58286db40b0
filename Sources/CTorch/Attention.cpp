// Attention over all keys (libtorch's), and over a list of keys for each query (ours).
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "Attention.hpp"

#include "Parallel.hpp"
#include "Shim.hpp"

using namespace shim;

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// [B, N, D] → [B, heads, N, D / heads]
at::Tensor splitHeads(const at::Tensor &x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// A tensor [B, N, D] of float32 whose rows are contiguous, as the kernel sees it.
attention::Rows rows(const at::Tensor &x, int64_t batch, int64_t column) {
  return {x.data_ptr<float>() + batch * x.stride(0) + column, x.stride(1)};
}

at::Tensor withContiguousRows(const at::Tensor &x) { return x.stride(2) == 1 ? x : x.contiguous(); }

/// `rows` of x [B, N, D], laid out as [B · paths, heads, length, D / heads].
at::Tensor laidOut(const at::Tensor &x, const at::Tensor &rows, int64_t paths, int64_t heads) {
  const auto length = rows.size(0) / paths;
  return x.index_select(1, rows).view({x.size(0) * paths, length, heads, x.size(2) / heads}).transpose(1, 2);
}

/// Saves q, k, v alone and recomputes the weights: they cost less to compute than to fetch.
/// Work is split by image and head: heads touch disjoint columns, so gradients of a key that many queries
/// share are added by one thread, in one order, and two runs agree to the bit.
struct SparseAttention : torch::autograd::Function<SparseAttention> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &query, const at::Tensor &key,
                            const at::Tensor &value, const at::Tensor &offsets, const at::Tensor &keys, int64_t heads) {
    auto q = withContiguousRows(query), k = withContiguousRows(key), v = withContiguousRows(value);
    auto result = at::empty(q.sizes(), q.options());
    forEachHead(q, heads, [&](int64_t b, int64_t column, const attention::Pattern &pattern) {
      attention::forward(rows(q, b, column), rows(k, b, column), rows(v, b, column), rows(result, b, column), pattern);
    }, offsets, keys);
    context->save_for_backward({q, k, v, offsets, keys});
    context->saved_data["heads"] = heads;
    return result;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2];
    auto gradient = withContiguousRows(gradients[0]);
    auto dq = at::empty(q.sizes(), q.options());
    auto dk = at::zeros(k.sizes(), k.options()), dv = at::zeros(v.sizes(), v.options());
    forEachHead(q, context->saved_data["heads"].toInt(),
                [&](int64_t b, int64_t column, const attention::Pattern &pattern) {
      attention::backward(rows(q, b, column), rows(k, b, column), rows(v, b, column), rows(gradient, b, column),
                          rows(dq, b, column), rows(dk, b, column), rows(dv, b, column), pattern);
    }, saved[3], saved[4]);
    return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor()};
  }

  template <typename Body>
  static void forEachHead(const at::Tensor &q, int64_t heads, Body body, const at::Tensor &offsets,
                          const at::Tensor &keys) {
    const int64_t width = q.size(2) / heads;
    const attention::Pattern pattern{q.size(1), width, offsets.data_ptr<int64_t>(), keys.data_ptr<int64_t>()};
    inParallel(q.size(0) * heads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i / heads, (i % heads) * width, pattern);
    });
  }
};

/// The kernel reads through raw pointers, so whatever could lead it astray is refused here.
void check(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v, const at::Tensor &offsets,
           const at::Tensor &keys, int64_t heads) {
  for (const auto &x : {q, k, v}) {
    TORCH_CHECK(x.scalar_type() == at::kFloat && x.is_cpu(), "sparse attention computes float32 on the CPU");
    TORCH_CHECK(x.dim() == 3 && x.size(0) == q.size(0) && x.size(2) == q.size(2), "q, k and v are [batch, rows, width]");
  }
  TORCH_CHECK(heads > 0 && q.size(2) % heads == 0, "width ", q.size(2), " is not a multiple of ", heads, " heads");
  TORCH_CHECK(k.sizes() == v.sizes(), "k and v differ in shape");
  for (const auto &x : {offsets, keys})
    TORCH_CHECK(x.scalar_type() == at::kLong && x.is_contiguous() && x.dim() == 1, "offsets and keys are int64 lists");
  TORCH_CHECK(offsets.size(0) == q.size(1) + 1, "there are ", offsets.size(0), " offsets for ", q.size(1), " queries");
  const auto *offset = offsets.data_ptr<int64_t>();
  TORCH_CHECK(offset[0] == 0 && offset[q.size(1)] == keys.size(0), "offsets do not span the list of keys");
  for (int64_t i = 0; i < q.size(1); ++i) TORCH_CHECK(offset[i] < offset[i + 1], "query ", i, " has no key");
  const auto *key = keys.data_ptr<int64_t>();
  for (int64_t i = 0; i < keys.size(0); ++i)
    TORCH_CHECK(key[i] >= 0 && key[i] < k.size(1), "key ", key[i], " is not one of ", k.size(1));
}

}  // namespace

ct_status ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, int64_t heads, ct_tensor *result) {
  return returning(result, [&] {
    auto mixed = at::scaled_dot_product_attention(splitHeads(tensor(q), heads), splitHeads(tensor(k), heads),
                                                  splitHeads(tensor(v), heads));
    return mixed.transpose(1, 2).reshape(tensor(q).sizes());
  });
}

ct_status ct_path_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor query_rows, ct_tensor key_rows,
                            ct_tensor read, int64_t paths, int64_t heads, ct_tensor *result) {
  return returning(result, [&] {
    const auto batch = tensor(q).size(0), width = tensor(q).size(2);
    TORCH_CHECK(paths > 0 && tensor(query_rows).size(0) % paths == 0 &&
                    tensor(query_rows).sizes() == tensor(key_rows).sizes(),
                "query rows and key rows are ", paths, " paths of equal length");
    auto mixed = at::scaled_dot_product_attention(
        laidOut(tensor(q), tensor(query_rows), paths, heads), laidOut(tensor(k), tensor(key_rows), paths, heads),
        laidOut(tensor(v), tensor(key_rows), paths, heads), /*attn_mask=*/std::nullopt, /*dropout_p=*/0.0,
        /*is_causal=*/true);
    return mixed.transpose(1, 2).reshape({batch, -1, width}).index_select(1, tensor(read));
  });
}

ct_status ct_sparse_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor offsets, ct_tensor keys, int64_t heads,
                              ct_tensor *result) {
  return returning(result, [&] {
    check(tensor(q), tensor(k), tensor(v), tensor(offsets), tensor(keys), heads);
    return SparseAttention::apply(tensor(q), tensor(k), tensor(v), tensor(offsets), tensor(keys), heads);
  });
}
