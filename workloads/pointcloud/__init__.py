"""Point clouds: readers, range filter, voxels, pillars, rasters; one body for NumPy and CuPy.

cloud           what a file holds; files: readers by format (scan_file .bin, pcd_file, ply_file; lzf, words)
settings        Range (closed box), Grid (half-open cells), the settings of a run
filtering       points within a range
voxels          hard voxels: hard_kernel on the processor, sorting for any array module, cuda on a GPU;
                vectors: the instructions that these kernels need and Numba does not know
means           dynamic voxels: mean and number of points of each cell, without limits
pillars         the ten features of PointPillars
raster          height, intensity and density from above
outputs         the products of one scan; job: those of a folder, reading and writing beside the computing
"""
