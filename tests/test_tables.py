from latentarium.tables import MAX_WIDTH, render_table


def test_columns_are_aligned_and_cells_are_complete():
    rows = [["a", "1"], ["a longer name", "22 [1, 2] %"]]
    lines = render_table(["measure", "value"], rows).split("\n")
    assert len(lines) == 3
    assert lines[0].index("value") == lines[1].index("1") == lines[2].index("22")
    assert lines[2].endswith("22 [1, 2] %")


def test_brackets_are_not_markup():
    assert "[red]x[/red]" in render_table(["a"], [["[red]x[/red]"]])


def test_a_long_cell_wraps_and_loses_nothing():
    word = "x" * (2 * MAX_WIDTH)
    assert render_table(["a"], [[word]]).replace("\n", "").count("x") == len(word)
