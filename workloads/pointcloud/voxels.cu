// Hard voxels of many scans at once, the same bits in every run: which thread comes first decides nothing.
//
// A cell's first point is a minimum, its number the count of set bits before that point, and a point's rank in its
// cell the count of smaller members; the order in which atomics give out seats does not matter. No thread waits for
// another: those of a warp help each other where they happen to run together, and give the same alone.
//
// One thread for each point of a scan (blockIdx.y is the scan), unless said otherwise. A key is scan * cells + cell,
// and table[4 * key] holds what is known of a cell side by side, so that it costs one access to memory. Points of a
// scan are noted in words of 32 bits; each scan has `words` of them, and notes[word] holds in its upper half how many
// cells the points of the word open, in its lower half the room that these cells' lists of members take.

#define NEVER 2147483647
#define FIRST 0  // the first point of the cell, NEVER where nobody came
#define COUNT 1  // its points
#define LIST 2   // where the list of its members begins: at first among the lists of a word, then among all
#define VOXEL 3  // its voxel in the scan, -1 where the scan has max_voxels already
#define WORD 32
#define SHARE 4  // points whose bits one thread looks at
#define LANES 32  // threads that fill a voxel together

__device__ int point_of_thread(const int* starts) {
    const int scan = blockIdx.y;
    const int point = starts[scan] + blockIdx.x * blockDim.x + threadIdx.x;
    return point < starts[scan + 1] ? point : -1;
}

// floor(distance / size) in float64. The product with 1 / size is wrong by a few units in the last place at most: where
// that could matter, which is rarely, the division is done.
__device__ int cell_along(double distance, double size, double cells_per_m) {
    const double near = distance * cells_per_m;
    const double whole = floor(near);
    const double above = near - whole;
    return above > 1e-6 && above < 1.0 - 1e-6 ? (int)whole : (int)floor(distance / size);
}

// The bounds are closed, and NaN lies outside.
__device__ int cell_of_point(float x, float y, float z, const float* bounds, const double* origin, const double* size,
                             const double* cells_per_m, const int* shape) {
    if (!(x >= bounds[0] && x <= bounds[1] && y >= bounds[2] && y <= bounds[3] && z >= bounds[4] && z <= bounds[5]))
        return -1;
    const int column = cell_along((double)x - origin[0], size[0], cells_per_m[0]);
    const int row = cell_along((double)y - origin[1], size[1], cells_per_m[1]);
    const int layer = cell_along((double)z - origin[2], size[2], cells_per_m[2]);
    return (layer * shape[1] + row) * shape[0] + column;
}

__device__ void copy_row(const float* source, int columns, float* target) {
    if (columns == 4) {
        __stcs((float4*)target, *(const float4*)source);
    } else {
        for (int column = 0; column < columns; ++column) target[column] = source[column];
    }
}

__device__ void zero_row(int columns, float* target) {
    if (columns == 4) {
        __stcs((float4*)target, float4{0.0f, 0.0f, 0.0f, 0.0f});
    } else {
        for (int column = 0; column < columns; ++column) target[column] = 0.0f;
    }
}

// Every point finds its cell and takes a seat in the cell's list; every cell learns its first point and their number.
// Neighbours in one cell come together: the first of them asks for all.
extern "C" __global__ void claim(const float* points, int columns, const int* starts, const float* bounds,
                                 const double* origin, const double* size, const double* cells_per_m, const int* shape,
                                 int cells, int* cell_of, int* seat, int* table) {
    const int point = point_of_thread(starts);
    if (point < 0) return;
    float x, y, z;
    if (columns == 4) {
        const float4 row = __ldcs((const float4*)points + point);  // it comes once: the table is what the cache is for
        x = row.x, y = row.y, z = row.z;
    } else {
        const float* row = points + (long long)point * columns;
        x = row[0], y = row[1], z = row[2];
    }
    const int cell = cell_of_point(x, y, z, bounds, origin, size, cells_per_m, shape);
    cell_of[point] = cell;
    if (cell < 0) return;
    const unsigned int together = __match_any_sync(__activemask(), cell);
    const int lane = threadIdx.x % 32, leader = __ffs(together) - 1;
    int* entry = table + 4 * ((long long)blockIdx.y * cells + cell);
    int mine = 0;
    if (lane == leader) {
        atomicMin(entry + FIRST, point);
        mine = atomicAdd(entry + COUNT, __popc(together));
    }
    seat[point] = __shfl_sync(together, mine, leader) + __popc(together & ((1u << lane) - 1u));
}

// A point that opens its cell sets its bit, and takes room for the cell's list: whole groups of four, for int4.
extern "C" __global__ void open(const int* starts, int cells, int words, const int* cell_of, int* table,
                                unsigned int* bits, unsigned long long* notes) {
    const int point = point_of_thread(starts);
    if (point < 0 || cell_of[point] < 0) return;
    int* entry = table + 4 * ((long long)blockIdx.y * cells + cell_of[point]);
    const int2 known = *(const int2*)entry;
    if (known.x != point) return;
    const int place = point - starts[blockIdx.y], word = blockIdx.y * words + place / WORD;
    atomicOr(bits + word, 1u << place % WORD);
    entry[LIST] = (int)atomicAdd(notes + word, 1ull << 32 | (unsigned int)((known.y + 3) / 4 * 4));
}

// SHARE points for each thread. The cells of a scan are numbered in the order of their first points.
// sums[w] are the notes of words 0 to w together.
extern "C" __global__ void number(const int* starts, int cells, int words, int max_points, int max_voxels,
                                  const int* shape, const int* cell_of, const unsigned int* bits,
                                  const unsigned long long* sums, int* table, int2* lists, int* counts,
                                  int* coordinates_zyx, int* used, int* homeless) {
    const int scan = blockIdx.y, from = (blockIdx.x * blockDim.x + threadIdx.x) * SHARE;
    if (from >= words * WORD) return;
    const int word = scan * words + from / WORD, shift = from % WORD;
    const unsigned long long before = word > 0 ? sums[word - 1] : 0;
    const unsigned int openers = bits[word];
    const int elsewhere = scan > 0 ? (int)(sums[scan * words - 1] >> 32) : 0;
    int serial = (int)(before >> 32) - elsewhere + __popc(openers & ((1u << shift) - 1u));
    if (from == 0) {
        const int all = (int)(sums[(scan + 1) * words - 1] >> 32) - elsewhere;
        used[scan] = all < max_voxels ? all : max_voxels;
    }
    for (unsigned int left = openers >> shift & ((1u << SHARE) - 1u); left; left &= left - 1, ++serial) {
        const int cell = cell_of[starts[scan] + from + __ffs(left) - 1];
        int4* entry = (int4*)table + ((long long)scan * cells + cell);
        int4 known = *entry;
        known.z += (int)(unsigned int)before;
        known.w = serial < max_voxels ? serial : -1;
        *entry = known;
        if (serial >= max_voxels) {
            atomicAdd(homeless + scan, known.y);
            continue;
        }
        const int voxel = scan * max_voxels + serial;
        lists[voxel] = int2{known.z, known.y};
        counts[voxel] = known.y < max_points ? known.y : max_points;
        coordinates_zyx[3 * voxel] = cell / (shape[0] * shape[1]);
        coordinates_zyx[3 * voxel + 1] = cell / shape[0] % shape[1];
        coordinates_zyx[3 * voxel + 2] = cell % shape[0];
    }
}

// Every point of a voxel takes its seat in the list.
extern "C" __global__ void enlist(const int* starts, int cells, const int* cell_of, const int* seat, const int* table,
                                  int* members) {
    const int point = point_of_thread(starts);
    if (point < 0 || cell_of[point] < 0) return;
    const int* entry = table + 4 * ((long long)blockIdx.y * cells + cell_of[point]);
    const int2 known = *(const int2*)(entry + LIST);
    if (known.y >= 0) members[known.x + seat[point]] = point;
}

// How many of four members, those from `at` to `all`, come before a point.
__device__ int earlier(const int* members, int at, int all, int point) {
    if (at >= all) return 0;
    const int4 four = *(const int4*)(members + at);
    return (four.x < point) + (at + 1 < all && four.y < point) + (at + 2 < all && four.z < point) +
           (at + 3 < all && four.w < point);
}

// LANES threads for a voxel after another: members go where their rank says, zeros behind them.
// Beyond max_points nobody needs to know a rank exactly.
extern "C" __global__ void fill(const float* points, int columns, int max_points, int max_voxels, const int* used,
                                const int2* lists, const int* members, float* voxels) {
    const int lane = threadIdx.x % LANES, together = blockDim.x / LANES, step = gridDim.x * together;
    const int end = used[blockIdx.y];
    int serial = blockIdx.x * together + threadIdx.x / LANES;
    if (serial >= end) return;
    const long long first = (long long)blockIdx.y * max_voxels;
    int2 next = lists[first + serial];
    for (; serial < end; serial += step) {
        const int all = next.y;
        const int* mine = members + next.x;
        float* target = voxels + (first + serial) * max_points * columns;
        if (serial + step < end) next = lists[first + serial + step];
        for (int place = lane; place < all; place += LANES) {
            const int point = mine[place];
            int rank = 0;
            for (int other = 0; other < all && rank < max_points; other += 8)
                rank += earlier(mine, other, all, point) + earlier(mine, other + 4, all, point);
            if (rank < max_points) copy_row(points + (long long)point * columns, columns, target + rank * columns);
        }
        for (int place = all + lane; place < max_points; place += LANES) zero_row(columns, target + place * columns);
    }
}

// SHARE points for each thread. The table is left as it was found: only touched cells are wiped.
extern "C" __global__ void wipe(const int* starts, int cells, int words, const int* cell_of, const unsigned int* bits,
                                int* table) {
    const int scan = blockIdx.y, from = (blockIdx.x * blockDim.x + threadIdx.x) * SHARE;
    if (from >= words * WORD) return;
    unsigned int left = bits[scan * words + from / WORD] >> from % WORD & ((1u << SHARE) - 1u);
    for (; left; left &= left - 1) {
        const int cell = cell_of[starts[scan] + from + __ffs(left) - 1];
        *(int2*)(table + 4 * ((long long)scan * cells + cell)) = int2{NEVER, 0};
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
