"""Who belongs to whom: the cheapest one-to-one assignment, in compiled loops."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def assign(cost: np.ndarray, limit: float) -> np.ndarray:
    """Pair rows with columns so that the sum of (limit - cost) over pairs is largest; a pair costs `limit` at most.

    Args:
        cost: (rows, columns) float64, finite.

    Returns:
        (rows,) int64: the column of each row, or -1.

    This is the optimum of the assignment with an option to stay single for limit / 2 each. A dearer pair is the same as
    none, so cutting the costs at the limit leaves a plain assignment.
    """
    rows, columns = cost.shape
    partner = np.full(rows, -1, np.int64)
    if rows == 0 or columns == 0:
        return partner
    cut = np.minimum(cost, limit)
    if rows <= columns:
        chosen = cheapest(cut)
        for row in range(rows):
            if cost[row, chosen[row]] <= limit:
                partner[row] = chosen[row]
    else:
        chosen = cheapest(np.ascontiguousarray(cut.T))
        for column in range(columns):
            if cost[chosen[column], column] <= limit:
                partner[chosen[column]] = column
    return partner


@njit(cache=True)
def cheapest(cost: np.ndarray) -> np.ndarray:
    """The column of each row in the cheapest full assignment; (rows, columns) with rows <= columns.

    Rows enter one after the other along a shortest augmenting path. Of equally short paths one to a free column is
    preferred, then the one whose column stands later in the list of open columns: `scipy.optimize`'s rule, so that
    both give the same pairs even where costs are equal.
    Source: Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 52(4), 2016.
    """
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    column_of, row_of = np.full(rows, -1, np.int64), np.full(columns, -1, np.int64)
    came_from = np.empty(columns, np.int64)
    distance = np.empty(columns)
    open_columns, closed = np.empty(columns, np.int64), np.empty(columns, np.int64)
    for entering in range(rows):
        for place in range(columns):
            open_columns[place] = columns - 1 - place
            distance[place] = np.inf
        open_count, closed_count = columns, 0
        row, reached, end = entering, 0.0, -1
        while end < 0:
            nearest, place_of_nearest = np.inf, -1
            for place in range(open_count):
                column = open_columns[place]
                length = reached + cost[row, column] - row_price[row] - column_price[column]
                if length < distance[column]:
                    distance[column] = length
                    came_from[column] = row
                if distance[column] < nearest or (distance[column] == nearest and row_of[column] < 0):
                    nearest, place_of_nearest = distance[column], place
            reached = nearest
            column = open_columns[place_of_nearest]
            if row_of[column] < 0:
                end = column
            else:
                row = row_of[column]
            closed[closed_count] = column
            closed_count += 1
            open_count -= 1
            open_columns[place_of_nearest] = open_columns[open_count]
        row_price[entering] += reached
        for place in range(closed_count):
            column = closed[place]
            if row_of[column] >= 0:
                row_price[row_of[column]] += reached - distance[column]
            column_price[column] -= reached - distance[column]
        column = end
        while True:
            row = came_from[column]
            row_of[column] = row
            column_of[row], column = column, column_of[row]
            if row == entering:
                break
    return column_of
