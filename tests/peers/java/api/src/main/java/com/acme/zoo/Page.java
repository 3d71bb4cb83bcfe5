package com.acme.zoo;

import java.io.Serializable;
import java.util.List;

/** A generic value. */
public class Page<T> implements Serializable {
    private static final long serialVersionUID = 1L;
    private List<T> items;
    private T first;
    private int total;

    public Page() {}

    public Page(List<T> items, T first, int total) {
        this.items = items;
        this.first = first;
        this.total = total;
    }

    public List<T> getItems() { return items; }
    public void setItems(List<T> v) { items = v; }
    public T getFirst() { return first; }
    public void setFirst(T v) { first = v; }
    public int getTotal() { return total; }
    public void setTotal(int v) { total = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
