# Tasks for developers: `just`, or `just test`. See https://just.systems

# list the tasks
default:
    @just --list

# tests of the default run, on two processes
test *arguments:
    pytest -n 2 {{arguments}}

# the exhaustive tests
slow:
    pytest -m slow

# lint, format and types
lint:
    ruff check . .ci
    ruff format --check . .ci
    mypy

# all that must pass before a change is merged, in a fresh environment
check:
    .ci/run

# checks, bench and training on a GPU, within so many seconds
gpu seconds="580":
    .ci/gpu {{seconds}}

# the images of the documentation
images:
    python docs/images/render_smoother.py
    python docs/images/render_strip.py
    python docs/images/render_failures.py
