// Hard voxels of many scans at once, the same bits in every run: which thread comes first decides nothing.
//
// A cell's first point is a minimum, its number a prefix sum over points, and a point's rank in its cell the count of
// smaller indices in the cell's list; the order in which atomics fill that list does not matter.
//
// One thread for each point of a scan (blockIdx.y is the scan), unless said otherwise. A key is scan * cells + cell.

#define NEVER 2147483647

__device__ int point_of_thread(const int* starts) {
    const int scan = blockIdx.y;
    const int point = starts[scan] + blockIdx.x * blockDim.x + threadIdx.x;
    return point < starts[scan + 1] ? point : -1;
}

// The cell of floor((x - origin) / size) in float64; the bounds are closed, and NaN lies outside.
__device__ int cell_of_point(const float* point, const float* bounds, const double* origin, const double* size,
                             const int* shape) {
    int index[3];
    for (int axis = 0; axis < 3; ++axis) {
        if (!(point[axis] >= bounds[2 * axis] && point[axis] <= bounds[2 * axis + 1])) return -1;
        index[axis] = (int)floor(((double)point[axis] - origin[axis]) / size[axis]);
    }
    return (index[2] * shape[1] + index[1]) * shape[0] + index[0];
}

// Every point finds its cell; every cell its first point and how many it has.
extern "C" __global__ void claim(const float* points, int columns, const int* starts, const float* bounds,
                                 const double* origin, const double* size, const int* shape, int cells, int* cell_of,
                                 int* first, int* count) {
    const int point = point_of_thread(starts);
    if (point < 0) return;
    const int cell = cell_of_point(points + (long long)point * columns, bounds, origin, size, shape);
    cell_of[point] = cell;
    if (cell < 0) return;
    const long long key = (long long)blockIdx.y * cells + cell;
    atomicMin(first + key, point);
    atomicAdd(count + key, 1);
}

// A point that opens its cell weighs 1 in the upper half of a word and the cell's points in the lower half.
extern "C" __global__ void weigh(const int* starts, int cells, const int* cell_of, const int* first, const int* count,
                                 long long* weight) {
    const int point = point_of_thread(starts);
    if (point < 0) return;
    const int cell = cell_of[point];
    const long long key = (long long)blockIdx.y * cells + cell;
    weight[point] = cell >= 0 && first[key] == point ? (1LL << 32) | count[key] : 0;
}

// The prefix sums of the weights number the cells of a scan and say where each one's list of members begins.
// `first` becomes the cell's voxel, or -1 where the scan has max_voxels already.
extern "C" __global__ void number(const int* starts, int cells, int max_points, int max_voxels, const int* shape,
                                const int* cell_of, const long long* weight, const long long* sums, int* first,
                                const int* count, int* list, int* counts, int* coordinates_zyx, int* homeless) {
    const int point = point_of_thread(starts);
    if (point < 0 || weight[point] == 0) return;
    const int scan = blockIdx.y, cell = cell_of[point];
    const long long key = (long long)scan * cells + cell;
    const long long before = starts[scan] > 0 ? sums[starts[scan] - 1] : 0;
    const int serial = (int)((sums[point] >> 32) - (before >> 32)) - 1;
    list[key] = (int)(sums[point] & 0xffffffffLL) - count[key];
    if (serial >= max_voxels) {
        first[key] = -1;
        atomicAdd(homeless + scan, count[key]);
        return;
    }
    const int voxel = scan * max_voxels + serial;
    first[key] = voxel;
    counts[voxel] = count[key] < max_points ? count[key] : max_points;
    coordinates_zyx[3 * voxel] = cell / (shape[0] * shape[1]);
    coordinates_zyx[3 * voxel + 1] = cell / shape[0] % shape[1];
    coordinates_zyx[3 * voxel + 2] = cell % shape[0];
}

// Every point enters the list of its cell, in whatever order.
extern "C" __global__ void gather(const int* starts, int cells, const int* cell_of, const int* list, int* cursor,
                                  int* members) {
    const int point = point_of_thread(starts);
    if (point < 0 || cell_of[point] < 0) return;
    const long long key = (long long)blockIdx.y * cells + cell_of[point];
    members[list[key] + atomicAdd(cursor + key, 1)] = point;
}

// A point's rank is the number of smaller members; beyond max_points nobody needs to know it exactly.
extern "C" __global__ void place(const float* points, int columns, const int* starts, int cells, int max_points,
                                 const int* cell_of, const int* first, const int* count, const int* list,
                                 const int* members, float* voxels) {
    const int point = point_of_thread(starts);
    if (point < 0 || cell_of[point] < 0) return;
    const long long key = (long long)blockIdx.y * cells + cell_of[point];
    const int voxel = first[key];
    if (voxel < 0) return;
    const int* mine = members + list[key];
    const int all = count[key];
    int rank = 0;
    for (int other = 0; other < all && rank < max_points; ++other) rank += mine[other] < point;
    if (rank >= max_points) return;
    const float* source = points + (long long)point * columns;
    float* target = voxels + ((long long)voxel * max_points + rank) * columns;
    for (int column = 0; column < columns; ++column) target[column] = source[column];
}

// One thread for each place of each voxel a scan may have: zeros behind the points.
extern "C" __global__ void pad(int columns, int max_points, int max_voxels, const int* used, const int* counts,
                               float* voxels) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    const int number = place / max_points;
    if (number >= used[blockIdx.y]) return;
    const long long voxel = (long long)blockIdx.y * max_voxels + number;
    if (place % max_points < counts[voxel]) return;
    float* target = voxels + (voxel * max_points + place % max_points) * columns;
    for (int column = 0; column < columns; ++column) target[column] = 0.0f;
}

// The tables are left as they were found: only touched cells are wiped, by the point that opened each.
extern "C" __global__ void wipe(const int* starts, int cells, const int* cell_of, const long long* weight, int* first,
                                int* count, int* cursor) {
    const int point = point_of_thread(starts);
    if (point < 0 || weight[point] == 0) return;
    const long long key = (long long)blockIdx.y * cells + cell_of[point];
    first[key] = NEVER;
    count[key] = 0;
    cursor[key] = 0;
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
