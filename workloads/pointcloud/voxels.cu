// Hard voxels of many scans at once, the same bits in every run: which thread comes first decides nothing.
//
// A cell's first point is a minimum, its number the count of points before that one which open a cell, and a point's
// rank in its cell the count of smaller members; the order in which atomics give out seats does not matter.
//
// blockIdx.y is the scan. A key is scan * cells + cell, and table[4 * key] holds what is known of a cell side by side,
// so that it costs one access to memory: FIRST is NEVER and COUNT 0 where nobody has come. Points of a scan are noted in
// words of 32, which the lanes of a warp look at together; each scan has `words` of them. A bit is set for a point that
// opens its cell.
//
// What these kernels wait for is memory, not arithmetic. So a thread asks for EACH things before it uses one.

#define NEVER 2147483647
#define FIRST 0  // the first point of the cell
#define COUNT 1  // its points
#define LIST 2   // where the list of its members begins
#define WORD 32
#define ALL_LANES 0xffffffffu
#define EACH 4    // points of a thread, a word apart, so that a warp reads whole words
#define LANES 32  // threads that fill a voxel together
#define MOST_THREADS 1024

// The first of a thread's EACH places in its scan.
__device__ int first_place() {
    return (blockIdx.x * blockDim.x + threadIdx.x) / WORD * WORD * EACH + threadIdx.x % WORD;
}

// Of x, y or z: the closed bounds, and what nearly finds a cell: origin, 1 / size, the error in cells that this makes.
struct Axis {
    float low, high, origin, cells_per_m, margin;
};

__device__ Axis axis_of(const float* __restrict__ axes, int number) {
    const float* mine = axes + 5 * number;
    return Axis{mine[0], mine[1], mine[2], mine[3], mine[4]};
}

// NaN lies outside.
__device__ bool lies_in(float at, Axis axis) { return (at >= axis.low) & (at <= axis.high); }

// floor((at - origin) / size) in float64, which many GPUs are slow at: the division is done only where float32 may err.
__device__ int cell_along(float at, Axis axis, const double* __restrict__ origin, const double* __restrict__ size) {
    const float near = (at - axis.origin) * axis.cells_per_m;
    const float whole = floorf(near);
    const float above = near - whole;
    return above > axis.margin && above < 1.0f - axis.margin ? (int)whole : (int)floor(((double)at - *origin) / *size);
}

__device__ void copy_row(const float* source, int columns, float* target) {
    for (int column = 0; column < columns; ++column) target[column] = source[column];
}

__device__ void zero_row(int columns, float* target) {
    if (columns == 4) {
        __stcs((float4*)target, float4{0.0f, 0.0f, 0.0f, 0.0f});
    } else {
        for (int column = 0; column < columns; ++column) target[column] = 0.0f;
    }
}

// EACH points for a thread. Every point finds its cell and takes a seat in the cell's list; every cell learns its first
// point and their number. Points of a word that lie in one cell come together: the first of them asks for all.
extern "C" __global__ void claim(const float* __restrict__ points, int columns, const int* __restrict__ starts,
                                 const float* __restrict__ axes, const double* __restrict__ origin,
                                 const double* __restrict__ size, const int* __restrict__ shape, int cells,
                                 int* __restrict__ cell_of, int* __restrict__ seat, int* __restrict__ table) {
    const int begin = starts[blockIdx.y], count = starts[blockIdx.y + 1] - begin, place = first_place();
    const int lane = threadIdx.x % WORD;
    if (place - lane >= count) return;
    float4 rows[EACH];
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int at = place + turn * WORD;
        rows[turn] = float4{0.0f, 0.0f, 0.0f, 0.0f};
        if (at >= count) continue;
        if (columns == 4) {  // they come once: the table is what the cache is for
            rows[turn] = __ldcs((const float4*)points + begin + at);
        } else {
            const float* row = points + (long long)(begin + at) * columns;
            rows[turn] = float4{row[0], row[1], row[2], 0.0f};
        }
    }
    const Axis along_x = axis_of(axes, 0), along_y = axis_of(axes, 1), along_z = axis_of(axes, 2);
    const int width = shape[0], depth = shape[1];
    int cell[EACH], asked[EACH];
    unsigned int together[EACH];
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int at = place + turn * WORD;
        const float4 row = rows[turn];
        cell[turn] = -1;
        if (at < count && (lies_in(row.x, along_x) & lies_in(row.y, along_y) & lies_in(row.z, along_z))) {
            const int layer = cell_along(row.z, along_z, origin + 2, size + 2);
            const int line = layer * depth + cell_along(row.y, along_y, origin + 1, size + 1);
            cell[turn] = line * width + cell_along(row.x, along_x, origin, size);
        }
        if (at < count) cell_of[begin + at] = cell[turn];
        together[turn] = __match_any_sync(ALL_LANES, cell[turn]);
        asked[turn] = 0;
        if (cell[turn] < 0 || lane != __ffs(together[turn]) - 1) continue;
        int* entry = table + 4 * ((long long)blockIdx.y * cells + cell[turn]);
        atomicMin(entry + FIRST, begin + at);
        asked[turn] = atomicAdd(entry + COUNT, __popc(together[turn]));
    }
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int taken = __shfl_sync(ALL_LANES, asked[turn], __ffs(together[turn]) - 1);
        const int at = place + turn * WORD;
        if (cell[turn] >= 0) seat[begin + at] = taken + __popc(together[turn] & ((1u << lane) - 1u));
    }
}

// EACH points for a thread. What the points of a word open is noted, and their cells take room for their lists: whole
// groups of four, for int4. Lists lie in the order in which warps come, which nothing that follows depends on.
extern "C" __global__ void note(const int* __restrict__ starts, int cells, int words, const int* __restrict__ cell_of,
                                int* __restrict__ table, unsigned int* __restrict__ bits, int* __restrict__ listed) {
    const int scan = blockIdx.y, begin = starts[scan], count = starts[scan + 1] - begin, place = first_place();
    const int lane = threadIdx.x % WORD, first_word = place / WORD;
    if (first_word >= words) return;
    int cell[EACH], room[EACH], until[EACH];
    int2 known[EACH];
    unsigned int openers[EACH], any = 0;
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int at = place + turn * WORD;
        cell[turn] = at < count ? cell_of[begin + at] : -1;
    }
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        known[turn] = int2{NEVER, 0};
        if (cell[turn] >= 0) known[turn] = *(const int2*)(table + 4 * ((long long)scan * cells + cell[turn]));
    }
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const bool opens = known[turn].x == begin + place + turn * WORD;
        openers[turn] = __ballot_sync(ALL_LANES, opens);
        until[turn] = room[turn] = opens ? (known[turn].y + 3) / 4 * 4 : 0;
        any |= openers[turn];
        if (lane == 0 && first_word + turn < words) bits[scan * words + first_word + turn] = openers[turn];
    }
    if (!any) return;
#pragma unroll
    for (int step = 1; step < WORD; step *= 2) {
#pragma unroll
        for (int turn = 0; turn < EACH; ++turn) {
            const int other = __shfl_up_sync(ALL_LANES, until[turn], step);
            if (lane >= step) until[turn] += other;
        }
    }
    int taken = 0, base = 0;
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int more = __shfl_sync(ALL_LANES, until[turn], WORD - 1);
        until[turn] += taken;
        taken += more;
    }
    if (lane == 0) base = atomicAdd(listed + scan, taken);
    base = 4 * begin + __shfl_sync(ALL_LANES, base, 0);  // no list takes more room than four of each point
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn)
        if (room[turn]) table[4 * ((long long)scan * cells + cell[turn]) + LIST] = base + until[turn] - room[turn];
}

// One block for a scan: how many cells the words before a word open, and how many voxels there are.
extern "C" __global__ void add_up(int words, int max_voxels, const unsigned int* __restrict__ bits,
                                  int* __restrict__ before, int* __restrict__ used, int* __restrict__ homeless,
                                  int* __restrict__ listed) {
    __shared__ int of_warp[MOST_THREADS / WORD];
    const int scan = blockIdx.y, share = (words + blockDim.x - 1) / blockDim.x;
    const int from = threadIdx.x * share, end = from + share < words ? from + share : words;
    const int lane = threadIdx.x % WORD, warp = threadIdx.x / WORD;
    bits += (long long)scan * words, before += (long long)scan * words;
    int mine = 0;
    for (int word = from; word < end; ++word) mine += __popc(bits[word]);
    int until = mine;
    for (int step = 1; step < WORD; step *= 2) {
        const int other = __shfl_up_sync(ALL_LANES, until, step);
        if (lane >= step) until += other;
    }
    if (lane == WORD - 1) of_warp[warp] = until;
    __syncthreads();
    int sum = until - mine;
    for (int other = 0; other < warp; ++other) sum += of_warp[other];
    for (int word = from; word < end; ++word) {
        before[word] = sum;
        sum += __popc(bits[word]);
    }
    if (threadIdx.x != blockDim.x - 1) return;
    used[scan] = sum < max_voxels ? sum : max_voxels;
    homeless[scan] = listed[scan] = 0;
}

// EACH points for a thread. Every point takes its seat in the list of its cell, and the cells of a scan are numbered in
// the order of their first points. Those alone read a cell's count, and leave the table as this batch has found it.
extern "C" __global__ void enlist(const int* __restrict__ starts, int cells, int words, int max_points, int max_voxels,
                                  const int* __restrict__ shape, const int* __restrict__ cell_of,
                                  const int* __restrict__ seat, const unsigned int* __restrict__ bits,
                                  const int* __restrict__ before, int* __restrict__ table, int* __restrict__ members,
                                  int2* __restrict__ lists, int* __restrict__ counts,
                                  int* __restrict__ coordinates_zyx, int* __restrict__ homeless) {
    const int scan = blockIdx.y, begin = starts[scan], count = starts[scan + 1] - begin, place = first_place();
    const int lane = threadIdx.x % WORD, width = shape[0], depth = shape[1];
    int cell[EACH], mine[EACH], list[EACH], all[EACH], serial[EACH];
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int at = place + turn * WORD, word = scan * words + at / WORD;
        cell[turn] = -1, serial[turn] = -1;
        if (at >= count) continue;
        const unsigned int openers = bits[word];
        cell[turn] = cell_of[begin + at];
        mine[turn] = seat[begin + at];
        if (openers >> lane & 1u) serial[turn] = before[word] + __popc(openers & ((1u << lane) - 1u));
    }
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        const int* entry = table + 4 * ((long long)scan * cells + cell[turn]);
        if (cell[turn] >= 0) list[turn] = entry[LIST];
        if (serial[turn] >= 0) all[turn] = entry[COUNT];
    }
#pragma unroll
    for (int turn = 0; turn < EACH; ++turn) {
        if (cell[turn] < 0) continue;
        members[list[turn] + mine[turn]] = begin + place + turn * WORD;
        if (serial[turn] < 0) continue;
        *(int2*)(table + 4 * ((long long)scan * cells + cell[turn])) = int2{NEVER, 0};
        if (serial[turn] < max_voxels) {
            const int voxel = scan * max_voxels + serial[turn];
            lists[voxel] = int2{list[turn], all[turn]};
            counts[voxel] = all[turn] < max_points ? all[turn] : max_points;
            coordinates_zyx[3 * voxel] = cell[turn] / (width * depth);
            coordinates_zyx[3 * voxel + 1] = cell[turn] / width % depth;
            coordinates_zyx[3 * voxel + 2] = cell[turn] % width;
        } else {
            atomicAdd(homeless + scan, all[turn]);
        }
    }
}

// How many of four members, those from `at` to `all`, come before a point.
__device__ int earlier(const int* __restrict__ members, int at, int all, int point) {
    if (at >= all) return 0;
    const int4 four = *(const int4*)(members + at);
    return (four.x < point) + (at + 1 < all && four.y < point) + (at + 2 < all && four.z < point) +
           (at + 3 < all && four.w < point);
}

// LANES threads for a voxel after another: members go where their rank says, zeros behind them. Beyond max_points
// nobody needs to know a rank exactly. While a voxel is filled, the next one's members and the list after that are on
// their way.
extern "C" __global__ void fill(const float* __restrict__ points, int columns, int max_points, int max_voxels,
                                const int* __restrict__ used, const int2* __restrict__ lists,
                                const int* __restrict__ members, float* __restrict__ voxels) {
    const int lane = threadIdx.x % LANES, together = blockDim.x / LANES, step = gridDim.x * together;
    const int end = used[blockIdx.y];
    int serial = blockIdx.x * together + threadIdx.x / LANES;
    if (serial >= end) return;
    const long long first = (long long)blockIdx.y * max_voxels;
    const int2 nobody = int2{0, 0};
    int2 list = lists[first + serial];
    int2 next = serial + step < end ? lists[first + serial + step] : nobody;
    int member = lane < list.y ? members[list.x + lane] : 0;
    for (; serial < end; serial += step) {
        const int2 after = serial + 2 * step < end ? lists[first + serial + 2 * step] : nobody;
        const int next_member = lane < next.y ? members[next.x + lane] : 0;
        const int all = list.y;
        const int* mine = members + list.x;
        float* target = voxels + (first + serial) * max_points * columns;
        for (int place = lane; place < all; place += LANES) {
            const int point = place == lane ? member : mine[place];
            const float* source = points + (long long)point * columns;
            float4 row = float4{0.0f, 0.0f, 0.0f, 0.0f};
            if (columns == 4) row = *(const float4*)source;  // asked for now, while the rank is found
            int rank = 0;
            for (int other = 0; other < all && rank < max_points; other += 8)
                rank += earlier(mine, other, all, point) + earlier(mine, other + 4, all, point);
            if (rank >= max_points) continue;
            if (columns == 4) {
                __stcs((float4*)target + rank, row);
            } else {
                copy_row(source, columns, target + rank * columns);
            }
        }
        for (int place = all + lane; place < max_points; place += LANES) zero_row(columns, target + place * columns);
        list = next, next = after, member = next_member;
    }
}

// One thread for each column of each cell: its points are added one after another. `order` lists them cell by cell.
extern "C" __global__ void add_in_order(const float* points, int columns, const int* order, const int* starts,
                                        int voxels, double* sums) {
    const int thread = blockIdx.x * blockDim.x + threadIdx.x;
    const int voxel = thread / columns, column = thread % columns;
    if (voxel >= voxels) return;
    double sum = 0.0;
    for (int at = starts[voxel]; at < starts[voxel + 1]; ++at) sum += (double)points[(long long)order[at] * columns + column];
    sums[thread] = sum;
}
