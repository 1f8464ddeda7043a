# Everything that a checkout needs, starting from nothing but Python and make.
#
# ROS comes as Python wheels into a virtual environment; where a ROS 2 installation is sourced, that
# one is used instead.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
WORKERS ?= 2
DDS_TESTS = test/ros test/launch test/tools

# A child of the wheels' Python inherits paths that are meant for that Python alone.
ifdef _ROS_WHEELS_BOOTSTRAP_COMPLETE
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
unexport LD_LIBRARY_PATH
CLEAN_ENV = env -u _ROS_WHEELS_BOOTSTRAP_COMPLETE -u LD_LIBRARY_PATH
endif

# Prints the ROS distribution that is sourced, else "wheels", and the version of Python. Sourced is
# one whose rclpy this Python finds below AMENT_PREFIX_PATH; wheels of an activated virtual
# environment are none.
KIND := $(shell $(CLEAN_ENV) $(PYTHON) -c 'import importlib.util, os, sys; \
find = importlib.util.find_spec; \
rclpy = find("rclpy") if not find("ros_wheels_bootstrapper") else None; \
folders = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep); \
sourced = rclpy and any(f and rclpy.origin.startswith(f + os.sep) for f in folders); \
name = os.environ.get("ROS_DISTRO") if sourced else None; \
print("%s-%d.%d" % ((name or "wheels",) + sys.version_info[:2]))' 2>/dev/null)

ifeq ($(filter wheels-%,$(KIND)),)
VENV_OPTIONS = --system-site-packages
EXTRAS_TO_RUN = cpu,bags
else
EXTRAS_TO_RUN = ros,cpu,bags
endif

EXTRAS_TO_DEVELOP = $(EXTRAS_TO_RUN),dev

VENV_PYTHON = $(VENV)/bin/python
CREATED = $(VENV)/.created-$(KIND)
READY_TO_RUN = $(VENV)/.ready-to-run-$(KIND)
READY_TO_DEVELOP = $(VENV)/.ready-to-develop-$(KIND)

.PHONY: help demo setup test lint clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  make demo BAG=drive.mcap TOPIC=/camera/image_raw MODEL=my_generator.onnx'
	@echo '            also OUTPUT=folder RATE=2 CAMERA_INFO=/camera/info'
	@echo '  make test ARGS="test/image -x"'
	@echo '            or WORKERS=4: processes that share the tests without nodes'
	@echo '  make setup PYTHON=python3.12'

# The shell reads these from the environment, where make puts them: no quoting can go wrong.
demo: $(READY_TO_RUN) ## play a drive through the node; look into demo_output/ afterwards
	@exec $(VENV_PYTHON) tools/demo.py \
		$${BAG:+--bag "$$BAG"} $${TOPIC:+--topic "$$TOPIC"} $${MODEL:+--model "$$MODEL"} \
		$${OUTPUT:+--output "$$OUTPUT"} $${RATE:+--rate "$$RATE"} \
		$${CAMERA_INFO:+--camera-info "$$CAMERA_INFO"}

setup: $(READY_TO_DEVELOP) ## install everything for development into .venv

test: $(READY_TO_DEVELOP) ## run the tests
ifeq ($(strip $(ARGS)),)
	@# Nodes and their DDS discovery want a core of their own: these tests come last and alone.
	@# The folders are named for speed only: they hold all tests with this mark.
	@# Stealing keeps the tests of a file, which share what is costly, on one worker.
	@# What numba compiles for the first part serves the second one, too.
	@status=0; compiled=`mktemp -d` || exit; trap 'rm -rf "$$compiled"' EXIT; \
	export NUMBA_CACHE_DIR="$${NUMBA_CACHE_DIR:-$$compiled}"; \
	$(VENV_PYTHON) -m pytest -q -n $(WORKERS) --dist worksteal -m 'not dds' || status=$$?; \
	$(VENV_PYTHON) -m pytest -q -m dds $(DDS_TESTS) || status=$$?; \
	exit $$status
else
	$(VENV_PYTHON) -m pytest -q $(ARGS)
endif

lint: $(READY_TO_DEVELOP) ## check style, format and types
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	@# numpy's stubs are written for the Python that they are installed for.
	$(VENV_PYTHON) -m mypy --python-version $(lastword $(subst -, ,$(KIND)))

clean: ## remove .venv, caches and build products; demo_output/ stays
	@# Nobody's own environment, should VENV point at one.
	@if ls $(VENV)/.created-* >/dev/null 2>&1; then rm -rf $(VENV); fi
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find sim2real_ros test tools launch -name __pycache__ -prune -exec rm -rf {} +

# An environment of another Python or another ROS is made anew.
$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "Python 3.10 or newer is needed; $(PYTHON) is: `$(PYTHON) --version 2>&1`"; \
		echo 'Choose another one: make PYTHON=python3.12 ...'; exit 1; }
	@echo 'Creating $(VENV) ($(KIND))'
	@clear=`ls $(VENV)/.created-* >/dev/null 2>&1 && echo --clear`; \
	$(PYTHON) -m venv $$clear $(VENV_OPTIONS) $(VENV) || { \
		echo 'Cannot create $(VENV). On Debian and Ubuntu: sudo apt install python3-venv'; exit 1; }
	@$(VENV_PYTHON) -m pip install --quiet --upgrade pip
	@touch $@

# INSTALL(extras): an editable installation with these extras.
define INSTALL
@echo 'Installing $(1) into $(VENV); the first time this takes minutes'
@PYTHONWARNINGS=ignore $(VENV_PYTHON) -m pip install --quiet --editable '.[$(1)]' || { \
	echo 'Installing failed, see above. The ROS 2 wheels exist for Linux with Python 3.10 or'; \
	echo 'newer; elsewhere, source a ROS 2 installation and try again.'; exit 1; }
endef

$(READY_TO_RUN): setup.py $(CREATED)
	$(call INSTALL,$(EXTRAS_TO_RUN))
	@touch $@

# What is ready to develop is ready to run, too.
$(READY_TO_DEVELOP): setup.py $(CREATED)
	$(call INSTALL,$(EXTRAS_TO_DEVELOP))
	@touch $(READY_TO_RUN) $@
