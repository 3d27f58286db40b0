/*
 * The loops of resampling.c, compiled once for each set of instructions. Before including it, define
 *   NAME(function)  the function's name for these instructions
 *   TARGET          what lets the compiler use them
 *   ADD_WORDS       adds weighted words to sixteen sums: (words, stride, weights, count, sums)
 */

/* Each pixel's channels apart: words of four pixels, [words, 3, LANES]. */
static TARGET void NAME(pack_columns)(const uint8_t *rows, size_t stride, size_t filled, size_t words,
                                      uint8_t *packed) {
  const uint8_t *places[LANES];
  for (size_t row = 0; row < LANES; row++) places[row] = rows + (row < filled ? row : 0) * stride;
  for (size_t word = 0; word < words; word++) {
    for (size_t row = 0; row < LANES; row += 4, packed += 16) {
      four_words a = apart(places[row] + 12 * word), b = apart(places[row + 1] + 12 * word);
      four_words c = apart(places[row + 2] + 12 * word), d = apart(places[row + 3] + 12 * word);
      four_words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      four_words red = __builtin_shufflevector(ab, cd, 0, 1, 4, 5), green = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
      ab = __builtin_shufflevector(a, b, 2, 6, 2, 6);
      cd = __builtin_shufflevector(c, d, 2, 6, 2, 6);
      four_words blue = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
      memcpy(packed, &red, sizeof red);
      memcpy(packed + 4 * LANES, &green, sizeof green);
      memcpy(packed + 8 * LANES, &blue, sizeof blue);
    }
    packed += 8 * LANES;
  }
}

static TARGET void NAME(sum_columns)(const uint8_t *rows, size_t stride, size_t filled, const word_filter *filter,
                                     column_room room, uint8_t *result) {
  size_t last = filter->ends[filter->outputs - 1], done = 0;
  for (size_t tile = filter->starts[0]; tile < last; tile += TILE) {
    size_t tile_end = tile + TILE < last ? tile + TILE : last;
    NAME(pack_columns)(rows + tile * TAPS * 3, stride, filled, tile_end - tile, room.words);
    for (size_t x = done; x < filter->outputs && filter->starts[x] < tile_end; x++) {
      size_t start = filter->starts[x] > tile ? filter->starts[x] : tile;
      size_t end = filter->ends[x] < tile_end ? filter->ends[x] : tile_end;
      const word_weights *weights = filter->weights + filter->places[x] + (start - filter->starts[x]);
      for (size_t channel = 0; channel < 3; channel++) {
        uint32_t *kept = room.sums + (x * 3 + channel) * LANES;
        sums sums;
        if (start == filter->starts[x]) fill(&sums);
        else memcpy(&sums, kept, sizeof sums);
        const uint8_t *words = room.words + ((start - tile) * 3 + channel) * TAPS * LANES;
        ADD_WORDS(words, 3 * TAPS * LANES, weights, end - start, &sums);
        if (end == filter->ends[x]) finish(&sums, result + (x * 3 + channel) * LANES);
        else memcpy(kept, &sums, sizeof sums);
      }
      if (end == filter->ends[x]) done = x + 1;
    }
  }
}

static TARGET void NAME(pack_rows)(const uint8_t *rows, size_t stride, size_t filled, size_t bytes, uint8_t *words) {
  const uint8_t *places[TAPS];
  for (size_t row = 0; row < TAPS; row++) places[row] = rows + (row < filled ? row : 0) * stride;
  for (size_t x = 0; x < bytes; x += LANES) {
    for (size_t half = 0; half < LANES; half += 8, words += 32) {
      eight_bytes a, b, c, d;
      memcpy(&a, places[0] + x + half, sizeof a);
      memcpy(&b, places[1] + x + half, sizeof b);
      memcpy(&c, places[2] + x + half, sizeof c);
      memcpy(&d, places[3] + x + half, sizeof d);
      eight_pairs ab = (eight_pairs)__builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
      eight_pairs cd = (eight_pairs)__builtin_shufflevector(c, d, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
      eight_pairs low = __builtin_shufflevector(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11);
      eight_pairs high = __builtin_shufflevector(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15);
      memcpy(words, &low, sizeof low);
      memcpy(words + 16, &high, sizeof high);
    }
  }
}

static TARGET void NAME(sum_rows)(const word_rows parts[2], size_t stride, const word_weights *weights, size_t bytes,
                                  uint8_t *result) {
  for (size_t x = 0; x < bytes; x += LANES) {
    sums sums;
    fill(&sums);
    ADD_WORDS(parts[0].words + x * TAPS, stride, weights, parts[0].count, &sums);
    ADD_WORDS(parts[1].words + x * TAPS, stride, weights + parts[0].count, parts[1].count, &sums);
    if (bytes - x >= LANES) {
      finish(&sums, result + x);
    } else {
      uint8_t rest[LANES];
      finish(&sums, rest);
      memcpy(result + x, rest, bytes - x);
    }
  }
}

static const resampler NAME(resampler) = {NAME(form_weights), NAME(sum_columns), NAME(pack_rows), NAME(sum_rows)};

#undef NAME
#undef TARGET
#undef ADD_WORDS
