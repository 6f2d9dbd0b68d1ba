from latentarium.tables import WIDTH, render


def test_columns_are_aligned_and_cells_are_whole():
    lines = render(["measure", "value"], [["a", "1"], ["a longer name", "22 [1, 2] %"]]).split(
        "\n"
    )
    assert len(lines) == 3
    assert lines[0].index("value") == lines[1].index("1") == lines[2].index("22")
    assert lines[2].endswith("22 [1, 2] %")


def test_brackets_are_text_and_not_markup():
    assert "[red]x[/red]" in render(["a"], [["[red]x[/red]"]])


def test_a_long_cell_wraps_and_loses_nothing():
    word = "x" * (2 * WIDTH)
    assert render(["a"], [[word]]).replace("\n", "").count("x") == len(word)
